"""Commands over HTTP where modules that only Unix has cannot be imported, and text is not UTF-8."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.cli.doors.address import KEY
from pipeline.cli.exits import Exit
from tests import without_posix
from tests.contract.doors.served import served
from tests.contract.doors.test_doors import LINES, program
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.needs import ROOT

type Fanfare = Callable[..., str]


@pytest.fixture
def app() -> FakeApp:
    return FakeApp.of(written((("job", LINES),)), program=program)


@pytest.fixture
def fanfare(app, tmp_path) -> Iterator[Fanfare]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**kept, KEY: "operator", "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "cp1252"}
    with served(app) as url:

        def run(*words: str, code: Exit = Exit.OK) -> str:
            where = ("--target", url) if words[0] != "--help" else ()
            done = without_posix.fanfare(
                words[0], *where, *words[1:], cwd=tmp_path, environ=environ
            )
            assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
            return done.stdout + done.stderr

        yield run


def test_a_run_is_started_listed_shown_and_fetched(app, fanfare, tmp_path: Path):
    assert "redrive" in fanfare("--help")
    (tmp_path / "poem.txt").write_bytes("один\n二\n".encode())
    (run,) = json.loads(fanfare("run", "job", "poem.txt", "--no-wait", "--json"))["runs"]
    app.settle()
    assert run in fanfare("ls")
    assert "all.txt" in fanfare("show", run)
    shown = json.loads(fanfare("show", run, "--json"))
    assert (shown["state"], shown["succeeded"]) == ("succeeded", 2)
    fanfare("get", run, "out")
    assert (tmp_path / "out/all.txt").read_text("utf-8") == "один\n二\n"
    assert "1 ok" in fanfare("verify", "out")


def test_what_no_code_page_has_is_spelt_out_and_json_stays_json(app, fanfare, tmp_path: Path):
    (tmp_path / "二.txt").write_bytes(b"one\n")
    (run,) = json.loads(fanfare("run", "job", "二.txt", "--no-wait", "--json"))["runs"]
    app.settle()
    assert "\\u4e8c.txt" in fanfare("show", run)
    assert json.loads(fanfare("show", run, "--json"))["input"]["name"].endswith("/二.txt")


@pytest.mark.parametrize("words", [("purge", "--older-than", "1d"), ("diff", "a", "b")])
def test_what_needs_storage_itself_is_refused(fanfare, words):
    assert "--direct" in fanfare(*words, code=Exit.USAGE)
