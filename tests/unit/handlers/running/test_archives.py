"""Environments as archives from Storage, for nodes that cannot reach a package index."""

import zipfile
from dataclasses import replace

from pipeline.bootstrap import scripts
from scripts.archives import pack
from tests.fakes.definitions import written
from tests.unit.handlers.conftest import LINES


def prepared(app_with, files):
    """Start a run of a program with an environment; return the files that nodes prepare with."""
    app = app_with()
    app.engine = replace(
        written((("job", LINES),)).engine(app.world.ports),
        scripts={**app.engine.scripts, **files},
    )
    job = app.engine.catalogue.pipelines["job"]
    task = job.task.model_copy(update={"environment": "tools"})
    app.engine.catalogue.pipelines["job"] = job.model_copy(update={"task": task})
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    (made,) = app.world.batch.jobs.values()
    return app, {file.path: file.url for file in made.spec.preparation_inputs}


def test_an_archive_beside_the_requirements_goes_to_the_nodes(app_with):
    app, files = prepared(app_with, {"tools.txt": b"a==1\n", "tools.zip": b"PK"})
    ref = app.world.blobs.at(files["environment.zip"])
    assert ref.container == "scripts"
    assert app.world.blobs.read(ref) == b"PK"
    assert "tools.txt" in files


def test_without_an_archive_nodes_ask_the_package_index(app_with):
    _, files = prepared(app_with, {"tools.txt": b"a==1\n", "other.zip": b"PK"})
    assert "tools.txt" in files
    assert "environment.zip" not in files


def test_a_program_that_is_a_folder_goes_to_the_nodes_as_one_archive(app_with):
    app, files = prepared(app_with, {"work.py/": b"PK", "tools.txt": b"a==1\n"})
    ref = app.world.blobs.at(files["work.py.program.zip"])
    assert app.world.blobs.read(ref) == b"PK"
    assert ref.name.endswith("/work.py.zip")
    assert "work.py" not in files


def test_the_same_wheels_make_the_same_archive_which_the_app_reads(tmp_path):
    folder = tmp_path / "environments"
    folder.mkdir()
    wheel = tmp_path / "a-1-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    for name in ("one.zip", "two.zip"):
        pack([wheel], folder / name)
    found = scripts(tmp_path)
    assert found["one.zip"] == found["two.zip"]
    with zipfile.ZipFile(folder / "one.zip") as packed:
        assert packed.read(wheel.name) == b"wheel"
