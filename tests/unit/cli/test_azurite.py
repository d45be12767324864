"""Azurite is fetched when it is missing or another one, and never by half."""

import json
from contextlib import nullcontext
from pathlib import Path

import pytest

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack import azurite

WANTED = "3.37.0"
NOTES_ITS_ARGUMENTS = """
import sys, pathlib
pathlib.Path(sys.argv[-1], "asked").write_text(" ".join(sys.argv[1:]))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    document = {"dependencies": {"azurite": WANTED}}
    (tmp_path / "package.json").write_text(json.dumps(document))
    return tmp_path


def installed(folder: Path, version: str) -> None:
    package = folder / "node_modules" / "azurite"
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"version": version}))


def npm(monkeypatch, code: str) -> None:
    """Let a program stand in for npm; it gets npm's arguments."""
    monkeypatch.setattr(azurite, "_NPM", code)


def test_nothing_is_fetched_if_the_wanted_one_is_there(folder, monkeypatch):
    npm(monkeypatch, "raise SystemExit(1)")
    installed(folder, WANTED)
    assert azurite.ensure(nullcontext(), folder) is False


def test_the_checkout_has_the_one_that_its_emulator_wants(monkeypatch):
    npm(monkeypatch, "raise SystemExit(1)")
    assert azurite.ensure(nullcontext()) is False
    assert azurite.FOLDER == APP_ROOT / "emulators/storage"


@pytest.mark.parametrize("found", [None, "3.36.0"])
def test_another_one_or_none_is_replaced_by_the_lock(folder, monkeypatch, found):
    if found:
        installed(folder, found)
    npm(monkeypatch, NOTES_ITS_ARGUMENTS)
    assert azurite.ensure(nullcontext(), folder) is True
    asked = (folder / "asked").read_text()
    assert asked.startswith("ci ") and "--ignore-scripts" in asked


def test_a_registry_that_cannot_be_reached_is_one_clear_error(folder, monkeypatch):
    npm(monkeypatch, "import sys; sys.exit('ENOTFOUND registry')")
    with pytest.raises(CommandError, match="ENOTFOUND registry\nCheck that") as caught:
        azurite.ensure(nullcontext(), folder)
    assert caught.value.code is Exit.UNREACHABLE


def test_an_installation_that_one_may_not_write_to_says_so(tmp_path):
    with pytest.raises(CommandError, match="install the engine where you may write"):
        azurite.ensure(nullcontext(), tmp_path / "absent")
