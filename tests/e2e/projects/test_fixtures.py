"""The fixture `fanfare_stack`: which stack it finds or starts, and what it leaves."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli.project import scaffold
from tests.e2e.local import ROOT
from tests.e2e.projects.pages import blocks
from tests.e2e.test_cli import MAIN, Fanfare
from tests.patience import stretched

EXAMPLE = blocks("python")[0]
LOOKS = """
import subprocess


def test_looks(fanfare_stack):
    with open("seen.txt", "w") as seen:
        subprocess.run(["ps", "-ewwo", "args"], stdout=seen, check=True)
"""


def processes() -> str:
    """Return all command lines, in full."""
    listed = subprocess.run(["ps", "-ewwo", "args"], capture_output=True, text=True, check=True)
    return listed.stdout


class Reader:
    """Somebody with a project, the client and a test, who runs pytest."""

    def __init__(self, folder: Path) -> None:
        self.project, self.bin = folder / "films", folder / "bin"
        self.data = folder / "of-the-tests"  # below it the stack that the tests start has its data
        scaffold.of_template("project").write(self.project)
        (self.project / "tests").mkdir()
        (self.project / "tests/test_shout.py").write_text(EXAMPLE)
        self.bin.mkdir()

    def installs_the_engine(self) -> None:
        program = self.bin / "fanfare"
        program.write_text(f"#!/bin/sh\nexec {sys.executable} -c '{MAIN}' \"$@\"\n")
        program.chmod(0o755)

    def tests(self, **more: str) -> subprocess.CompletedProcess[str]:
        kept = {name: text for name, text in os.environ.items() if name != "PYTEST_ADDOPTS"}
        environment = {
            **kept, "PATH": f"{self.bin}:/usr/bin:/bin", "PYTEST_PLUGINS": "fanfare.testing",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'client/src'}", **more,
        }  # fmt: skip
        return subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "--rootdir", ".", "--basetemp", str(self.data),
             "tests"],
            cwd=self.project, env=environment, capture_output=True, text=True,
            timeout=stretched(110), check=False,
        )  # fmt: skip


@pytest.fixture
def reader(tmp_path) -> Reader:
    return Reader(tmp_path)


def test_a_stack_is_started_for_the_tests_and_stopped(reader):
    reader.installs_the_engine()
    (reader.project / "tests/test_looks.py").write_text(LOOKS)
    done = reader.tests()
    assert done.returncode == 0, done.stdout
    assert "2 passed" in done.stdout
    left = processes()
    assert str(reader.data) in (reader.project / "seen.txt").read_text()
    assert str(reader.data) not in left
    assert not (reader.project / ".fanfare").exists()


def test_a_stack_that_is_up_is_found_by_its_folder_or_by_variables_and_stays_up(reader, tmp_path):
    stack = Fanfare(reader.project / ".fanfare", cwd=reader.project)
    try:
        stack.json("up")
        assert reader.tests().returncode == 0
        told = stack.plainly("ready", "--env")
        assert told.returncode == 0, told.stderr
        variables = dict(line.split("=", 1) for line in told.stdout.splitlines())
        assert all(line.startswith("FANFARE_STACK_") for line in told.stdout.splitlines())
        elsewhere = Reader(tmp_path / "elsewhere")
        done = elsewhere.tests(**variables)
        assert done.returncode == 0, done.stdout
        wrong = elsewhere.tests(**variables | {"FANFARE_STACK_KEY": "wrong"})
        assert wrong.returncode == 1
        assert "401: The key or the token is missing or wrong" in wrong.stdout
    finally:
        assert stack.json("down")["stopped"]


def test_without_a_stack_and_without_the_engine_tests_fail_and_say_what_to_do(reader):
    done = reader.tests()
    assert done.returncode == 1
    assert "the engine's command `fanfare` is not installed" in done.stdout
    half = reader.tests(FANFARE_STACK_URL="http://127.0.0.1:9")
    assert "`fanfare ready --env` prints both" in half.stdout
