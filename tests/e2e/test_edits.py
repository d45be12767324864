"""An edited program is noticed, and the command that is printed then deploys it."""

import re
import shlex
import shutil
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from tests.e2e.test_cli import ROOT, Fanfare

PARTS = ("pipeline", "emulators", "pipelines", "pools", "task_scripts", "infra")
NODE_MODULES = "emulators/storage/node_modules"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the stack needs, so that a test may edit it."""
    for part in PARTS:
        leave_out = shutil.ignore_patterns("node_modules", "__pycache__")
        shutil.copytree(ROOT / part, tmp_path / part, ignore=leave_out)
    for file in ("function_app.py", "host.json", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / NODE_MODULES).symlink_to(ROOT / NODE_MODULES)
    return tmp_path


def words(fanfare: Fanfare, text: Path, name: str) -> int:
    """Count words on the stack."""
    run = fanfare.json("run", "word-count", str(text), "--name", name)["id"]
    (file,) = fanfare.json("show", run)["files"]
    return file["size"]


def test_an_edit_is_refused_until_the_printed_command_has_deployed_it(checkout, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(checkout))
    fanfare = Fanfare(checkout / "data", cwd=checkout)
    text = checkout / "a.txt"
    text.write_text("one two three\n")
    fanfare.json("up")
    try:
        before = words(fanfare, text, "texts/a.txt")
        program = checkout / "task_scripts/count_words.py"
        program.write_text(program.read_text().replace('{"words": words}', '{"words": 10**9}'))
        said = fanfare.refusal("run", "word-count", str(text), code=Exit.USAGE)
        assert "task_scripts/count_words.py" in said
        _, *command = shlex.split(re.search("`(.+?)`", said)[1])
        assert fanfare.plainly(*command).returncode == Exit.OK
        assert words(fanfare, text, "texts/b.txt") == before + len(str(10**9)) - 1
    finally:
        fanfare("down", "--force")
