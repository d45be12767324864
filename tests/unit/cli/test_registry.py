"""Commands are imported when they are used; every entry names one that exists."""

import json
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from pipeline.cli.main import app
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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["try", "--json"], "Missing argument"),
        (["try", "shout", "--json", "--item", "x"], "Invalid value for '--item'"),
        (["ls", "--json", "--nothing"], "No such option: --nothing"),
        (["ledger", "export", "--json", "--nothing"], "No such option: --nothing"),
    ],
)
def test_wrong_use_is_told_in_json_where_the_answer_would_be(words, said):
    result = CliRunner().invoke(app, words)
    told = json.loads(result.stderr)
    assert (result.exit_code, told["code"], result.stdout) == (2, 2, "")
    assert told["error"].startswith(said)
    plain = CliRunner().invoke(app, [word for word in words if word != "--json"])
    assert (plain.exit_code, plain.stderr.startswith("Usage: ")) == (2, True)


def test_a_command_is_made_once():
    commands = Commands(ENTRIES)
    assert commands["ls"] is commands["ls"]
    assert isinstance(commands["ls"], typer.core.TyperCommand)
