"""The command line speaks to a running app over HTTP, without a module that only Unix has."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from tests import without_posix
from tests.e2e.http_client import host_key
from tests.e2e.local import ROOT, Stack
from tests.patience import stretched

POEM = b"roses are red\nviolets are blue\n"
pytestmark = pytest.mark.timeout(300)

type Fanfare = Callable[..., Any]


@pytest.fixture
def fanfare(stack: Stack, tmp_path: Path) -> Fanfare:
    """Run a command against the app's URL, and read its JSON; another code is an error."""
    endpoint = stack.local.description()["endpoints"]["functions"]["endpoint"]
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    environ = {**kept, "FANFARE_HTTP_KEY": host_key(stack), "PYTHONPATH": str(ROOT)}

    def run(*words: str, code: Exit = Exit.OK) -> Any:
        words = (words[0], "--json", "--target", endpoint, *words[1:])
        done = without_posix.fanfare(*words, cwd=tmp_path, environ=environ)
        assert (done.returncode, "Traceback" in done.stderr) == (code, False), done.stderr
        return json.loads(done.stdout if code in (Exit.OK, Exit.FAILED) else done.stderr)

    return run


def timeout() -> tuple[str, str]:
    return "--timeout", f"{stretched(90):.0f}"


def test_a_run_is_started_followed_listed_shown_and_fetched(fanfare: Fanfare, tmp_path: Path):
    (tmp_path / "poem.txt").write_bytes(POEM)
    ran = fanfare("run", "shout", "poem.txt", "--key", "cli 1", "--get", "loud", *timeout())
    assert (ran["state"], ran["succeeded"], ran["by"]["kind"]) == ("succeeded", 2, "key")
    assert (tmp_path / "loud/loud.txt").read_bytes() == POEM.upper()
    again = fanfare("run", "shout", "poem.txt", "--key", "cli 1", "--no-wait")
    assert again == {"runs": [ran["id"]]}
    assert ran["id"] in [one["id"] for one in fanfare("ls", "shout")["runs"]]
    shown = fanfare("show", ran["id"][:-4])
    assert (shown["id"], shown["done"], shown["items"]) == (ran["id"], 2, 2)
    assert [file["name"] for file in shown["files"]] == ["loud.txt"]
    got = fanfare("get", ran["id"], "other")
    assert (got["fetched"], (tmp_path / "other/loud.txt").read_bytes()) == (1, POEM.upper())
    assert fanfare("verify", "other")["agrees"]


def test_a_run_that_fails_is_explained_and_redriven(fanfare: Fanfare, tmp_path: Path):
    (tmp_path / "acts.txt").write_bytes(b"fail a\nok b\n")
    ran = fanfare("run", "strict-acts", "acts.txt", *timeout(), code=Exit.FAILED)
    shown = fanfare("show", ran["id"])
    assert (shown["state"], len(shown["failed_items"])) == ("failed", 1)
    assert [log["unit"] for log in fanfare("logs", ran["id"])] == [shown["failed_items"][0]["unit"]]
    assert fanfare("redrive", ran["id"], "--no-wait")["generation"] == 2
    watched = fanfare("watch", ran["id"], *timeout(), code=Exit.FAILED)
    assert (watched["generation"], watched["state"]) == (2, "failed")


def test_a_run_is_cancelled(fanfare: Fanfare, tmp_path: Path):
    (tmp_path / "long.txt").write_bytes(b"sleep 25\n" * 4)
    (run,) = fanfare("run", "acts", "long.txt", "--no-wait")["runs"]
    assert run in [one["id"] for one in fanfare("ls", "--active")["runs"]]
    assert fanfare("cancel", run)["state"] in ("cancelling", "cancelled")
    watched = fanfare("watch", run, *timeout(), code=Exit.FAILED)
    assert watched["state"] == "cancelled"


def test_what_needs_storage_itself_is_refused_before_anything(fanfare: Fanfare):
    for words in (
        ("purge", "--older-than", "1d"),
        ("pause", "--all"),
        ("doctor",),
        ("diff", "a", "b"),
    ):
        said = fanfare(*words, code=Exit.USAGE)["error"]
        assert f"`fanfare {words[0]}`" in said
        assert "--direct" in said and "Storage Table Data Contributor" in said
