"""Shells complete commands, options, and the names of the project's pipelines."""

import pytest
from typer.testing import CliRunner

from pipeline.cli.main import app as fanfare
from pipeline.cli.project import scaffold


def completed(shell: str, line: str) -> str:
    words = line.split(" ")
    asked = {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]
    environ = {**asked, "_FANFARE_COMPLETE": f"complete_{shell}"}
    return CliRunner().invoke(fanfare, [], env=environ, prog_name="fanfare").stdout


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    scaffold.of_template("x").write(tmp_path)
    (tmp_path / "pipelines/show-all.yaml").write_text("broken: [")
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("line", "offered", "others"),
    [
        ("fanfare re", {"redrive", "resume"}, {"plan"}),
        ("fanfare run sho", {"shout", "show-all"}, {"samples"}),
        ("fanfare plan shou", {"shout"}, {"show-all"}),
        ("fanfare try shou", {"shout"}, {"show-all"}),
        ("fanfare test shou", {"shout"}, {"show-all"}),
        ("fanfare run shout --tim", {"--timeout"}, {"--wait"}),
        ("fanfare ledger re", {"rebuild"}, {"export"}),
    ],
)
def test_what_can_come_next_is_offered(shell, line, offered, others):
    words = completed(shell, line)
    assert all(word in words for word in offered)
    assert not [word for word in others if f'"{word}"' in words or word in words.split()]
