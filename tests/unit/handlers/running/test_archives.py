"""Environments as archives from Storage, for nodes that cannot reach a package index."""

import hashlib
import tracemalloc
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from pipeline.bootstrap import deployed
from pipeline.cli.project.archives import pack
from pipeline.domain.catalogue.archives import Archive, archives
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Permanent
from pipeline.handlers.running import scripts, versions
from tests.fakes.crash import Injector
from tests.fakes.definitions import written
from tests.unit.handlers.conftest import LINES

MIB = 1 << 20
X86, ARM = "Standard_D2s_v5", "Standard_D2ps_v5"
UPLOAD = ("writer", "upload", 1)


@pytest.fixture
def packed(tmp_path):
    """Write an archive of environment `tools`, with the digest that is told of it."""

    def write(content, told=None, name="tools.zip"):
        path = tmp_path / "environments" / name
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as stream:
            stream.write(content) if isinstance(content, bytes) else stream.truncate(content)
        if told:
            path.with_name(f"{name}.sha256").write_text(f"{told}  {name}\n")
        return archives(tmp_path)

    return write


def begun(app_with, files, archived, injector=None, **others):
    """Start a run of a program with an environment; `size` is that of its pool's nodes."""
    app, size = app_with(), others.pop("size", "")
    app.engine = replace(
        written((("job", LINES),)).engine(app.world.ports),
        scripts={**app.engine.scripts, **files},
        archives=archived or {},
        **others,
    )
    if size:
        resize(app, size)
    if injector:
        app.through(injector.ports(app.world.ports))
    job = app.engine.catalogue.pipelines["job"]
    task = job.task.model_copy(update={"environment": "tools"})
    app.engine.catalogue.pipelines["job"] = job.model_copy(update={"task": task})
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    return app


def resize(app, size):
    """Give the nodes of every pool another size."""
    pools = app.engine.catalogue.pools
    pools.update({name: pool.model_copy(update={"size": size}) for name, pool in pools.items()})


def prepared(app_with, files, archived=None, **others):
    """Start such a run; return the files that nodes prepare with."""
    app = begun(app_with, files, archived, **others)
    (made,) = app.world.batch.jobs.values()
    return app, {file.path: file.url for file in made.spec.preparation_inputs}


@pytest.mark.parametrize("told", [None, hashlib.sha256(b"PK").hexdigest()])
def test_an_archive_beside_the_requirements_goes_to_the_nodes(app_with, packed, told):
    app, files = prepared(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK", told))
    ref = app.world.blobs.at(files["environment.zip"])
    assert ref.container == "scripts"
    assert app.world.blobs.read(ref) == b"PK"
    assert "tools.txt" in files


def test_without_an_archive_nodes_ask_the_package_index(app_with, packed):
    other = {"other.zip": packed(b"PK")["tools.zip"]}
    _, files = prepared(app_with, {"tools.txt": b"a==1\n"}, other)
    assert "tools.txt" in files
    assert "environment.zip" not in files


@pytest.mark.parametrize(("size", "content"), [(X86, b"x86"), (ARM, b"arm")])
def test_nodes_get_the_archive_for_their_processors(app_with, packed, size, content):
    packed(b"x86")
    archived = packed(b"arm", name="tools.arm64.zip")
    app, files = prepared(app_with, {"tools.txt": b"a==1\n"}, archived, size=size)
    assert app.world.blobs.read(app.world.blobs.at(files["environment.zip"])) == content


@pytest.mark.parametrize(
    ("size", "name", "told"),
    [
        (ARM, "tools.zip", "tools.zip is for amd64, but nodes of pool cpu are arm64"),
        (X86, "tools.arm64.zip", "tools.arm64.zip is for arm64, but nodes of pool cpu are amd64"),
    ],
)
def test_an_archive_for_other_processors_alone_is_refused_with_the_command(
    app_with, packed, size, name, told
):
    app = begun(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK", name=name), size=size)
    run = app.only_run()
    assert (run.state, run.cause) == (State.FAILED, Cause.PLAN_FAILED)
    assert told in run.error
    assert "`fanfare package`" in run.error and "`make archives`" in run.error
    assert not app.world.batch.jobs


def test_arm_nodes_ask_the_index_where_no_archive_was_made(app_with):
    _, files = prepared(app_with, {"tools.txt": b"a==1\n"}, size=ARM)
    assert "tools.txt" in files
    assert "environment.zip" not in files


@pytest.mark.parametrize(("processor", "has_archive"), [("amd64", True), ("arm64", False)])
def test_nodes_of_the_local_stack_have_the_processors_of_this_machine(
    app_with, packed, processor, has_archive
):
    """An archive that this machine lacks is no fault: its nodes have an index."""
    here = {"processor": processor, "size": ARM}
    _, files = prepared(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK"), **here)
    assert ("environment.zip" in files) == has_archive


def test_a_pool_that_gets_other_processors_meanwhile_gets_no_job_of_the_run(app_with, packed):
    app = begun(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK"), size=X86)
    resize(app, ARM)
    page = SimpleNamespace(file="work.py", environment="tools.txt")
    with pytest.raises(Permanent, match="but nodes of pool cpu are arm64"):
        scripts.files(app.engine, app.only_run(), page)


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
    found = archives(tmp_path)
    assert found["one.zip"].digest() == found["two.zip"].digest()
    content = (folder / "one.zip").read_bytes()
    assert content == (folder / "two.zip").read_bytes()
    told = (folder / "one.zip.sha256").read_text()
    assert told == f"{hashlib.sha256(content).hexdigest()}  one.zip\n"
    assert not deployed(tmp_path).keys() & {"one.zip", "two.zip"}
    with zipfile.ZipFile(folder / "one.zip") as packed:
        assert packed.read(wheel.name) == b"wheel"


def test_the_app_starts_without_reading_an_archive(app_with, packed, tmp_path):
    archived = packed(64 * MIB, told="ab" * 32)
    app = begun(app_with, {"tools.txt": b"a==1\n"}, {})
    tracemalloc.start()
    engine = replace(app.engine, scripts=deployed(tmp_path), archives=archived)
    versions.note(engine)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MIB
    job = engine.catalogue.pipelines["job"]
    assert versions.unlike_the_app(engine, job) == []
    other = replace(engine, archives=packed(64 * MIB, told="cd" * 32))
    assert versions.unlike_the_app(other, job) == ["task_scripts/environments/tools.zip"]


def test_an_archive_is_published_in_pieces(packed):
    archive = packed(64 * MIB)["tools.zip"]
    tracemalloc.start()
    size = sum(len(piece) for piece in archive.chunks(archive.digest()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size == 64 * MIB
    assert peak < 8 * MIB


def test_an_archive_with_another_digest_than_is_told_is_not_published(app_with, packed):
    app = begun(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK", told="ab" * 32))
    run = app.only_run()
    assert run.state is State.FAILED
    assert "environments/tools.zip is damaged, or newer than tools.zip.sha256" in run.error
    assert "`fanfare package`" in run.error and "in a checkout of the engine" in run.error
    assert not [name for name in app.world.blobs.names("scripts") if name.endswith("tools.zip")]


def test_an_archive_that_is_gone_ends_the_run_with_words(app_with, tmp_path):
    gone = {"tools.zip": Archive(tmp_path / "tools.zip")}
    run = begun(app_with, {"tools.txt": b"a==1\n"}, gone).only_run()
    assert run.state is State.FAILED
    assert "task_scripts/environments/tools.zip cannot be read" in run.error


def test_an_archive_that_was_packed_anew_has_its_new_digest(packed):
    before = packed(b"PK")["tools.zip"].digest()
    assert packed(b"KP")["tools.zip"].digest() != before


@pytest.mark.parametrize("when", ["before", "after", "twice"])
def test_a_crash_around_the_upload_of_an_archive_publishes_it_once(app_with, packed, when):
    app = begun(app_with, {"tools.txt": b"a==1\n"}, packed(b"PK"), Injector(UPLOAD, when))
    app.settle()
    assert app.only_run().state is State.SUCCEEDED
    (published,) = [n for n in app.world.blobs.names("scripts") if n.endswith("tools.zip")]
    assert app.world.blobs.read(BlobRef("scripts", published)) == b"PK"
    assert app.crashes == (when != "twice")
