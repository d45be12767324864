"""Commands are imported when they are used; every entry names one that exists."""

import subprocess
import sys

import pytest
import typer

from pipeline.cli.registry import ENTRIES, Commands, Group

LIGHT = """
import sys
from pipeline.cli.main import app
try:
    app(["--version"])
except SystemExit as end:
    assert not end.code
heavy = {"pydantic", "rich", "azure", "yaml", "pipeline.handlers"} & set(sys.modules)
assert not heavy, heavy
"""


@pytest.mark.parametrize("name", ENTRIES)
def test_every_entry_is_a_command_with_help(name):
    made = Commands(ENTRIES)[name]
    assert (made.name, bool(made.help)) == (name, True)
    entry = ENTRIES[name]
    if isinstance(entry, Group):
        assert all(made.commands[one].help for one in entry.commands)


def test_an_unknown_name_is_a_key_error_as_of_any_mapping():
    assert Commands(ENTRIES).get("shwo") is None


def test_the_version_needs_none_of_the_engine():
    subprocess.run([sys.executable, "-c", LIGHT], check=True, timeout=60)


def test_a_command_is_made_once():
    commands = Commands(ENTRIES)
    assert commands["ls"] is commands["ls"]
    assert isinstance(commands["ls"], typer.core.TyperCommand)
