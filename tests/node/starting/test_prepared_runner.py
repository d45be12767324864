"""A node gets the runner as one file; its first preparation compiles it for all that follow."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.domain.catalogue.programs import joined
from tests.node.conftest import RUNTIME, RUNTIME_FILES

PREPARATION = [sys.executable, "-S", str(RUNTIME / "environment.py")]


@pytest.fixture
def shared(tmp_path):
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def prepared(folder: Path, shared: Path) -> Path:
    """Prepare a job in a new folder, as Batch does; return the folder."""
    folder.mkdir()
    files = {path.name: path.read_bytes() for path in RUNTIME_FILES}
    for name, content in joined(files).items():
        (folder / name).write_bytes(content)
    command = [*PREPARATION[:2], str(folder / "environment.py")]
    environ = {"AZ_BATCH_NODE_SHARED_DIR": str(shared)}
    subprocess.run(command, env=environ, check=True)
    return folder


def test_the_preparation_unpacks_every_module_of_the_runner(tmp_path, shared):
    folder = prepared(tmp_path / "job", shared)
    sent = {path.name for path in RUNTIME_FILES}
    assert "runner.py" in sent
    assert {path.name for path in folder.glob("*.py")} == sent
    for path in RUNTIME_FILES:
        assert (folder / path.name).read_bytes() == path.read_bytes()


def test_no_task_compiles_what_the_preparation_has_compiled(tmp_path, shared):
    folder = prepared(tmp_path / "job", shared)
    command = [sys.executable, "-S", "-v", "-c", "import runner"]
    environ = {"PYTHONPATH": str(folder)}
    said = subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stderr
    compiled = [line for line in said.splitlines() if f"code object from '{folder}/runner" in line]
    assert compiled == []
    assert f"matches {folder}/runner_attempt.py" in said


def test_the_second_job_of_a_node_takes_what_the_first_one_compiled(tmp_path, shared):
    first = prepared(tmp_path / "first", shared)
    (kept,) = (shared / "environments").glob("runner-*")
    before = {path: path.stat() for path in kept.iterdir()}
    second = prepared(tmp_path / "second", shared)
    assert {path: path.stat() for path in kept.iterdir()} == before
    for made in (first / "__pycache__").iterdir():
        assert (second / "__pycache__" / made.name).read_bytes() == made.read_bytes()


def test_another_release_of_the_runner_is_compiled_anew(tmp_path, shared):
    prepared(tmp_path / "first", shared)
    other = tmp_path / "other"
    other.mkdir()
    for name in ("environment.py",):
        (other / name).write_bytes((RUNTIME / name).read_bytes())
    (other / "runner.json").write_text(json.dumps({"runner.py": "print('other')"}))
    environ = {"AZ_BATCH_NODE_SHARED_DIR": str(shared)}
    subprocess.run([*PREPARATION[:2], str(other / "environment.py")], env=environ, check=True)
    assert len([*(shared / "environments").glob("runner-*")]) == 2


def test_a_node_that_can_keep_nothing_is_prepared_all_the_same(tmp_path):
    (tmp_path / "shared").write_text("no folder")
    folder = prepared(tmp_path / "job", tmp_path / "shared")
    assert (folder / "runner.py").exists()
    assert (folder / "environment.json").exists()


def test_modules_of_an_older_release_stay_as_they_came(tmp_path, shared):
    folder = tmp_path / "job"
    folder.mkdir()
    for path in RUNTIME_FILES:
        (folder / path.name).write_bytes(path.read_bytes())
    environ = {"AZ_BATCH_NODE_SHARED_DIR": str(shared)}
    subprocess.run([*PREPARATION[:2], str(folder / "environment.py")], env=environ, check=True)
    assert (folder / "environment.json").exists()
    assert not (folder / "__pycache__").exists()
