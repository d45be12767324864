"""Programs that are folders, and programs that are not Python, on a node."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.domain.catalogue.programs import packed
from tests.node.conftest import Node


@pytest.fixture
def node(scripts: Path, tmp_path: Path) -> Node:
    """Make a node whose scripts are its own."""
    own, folder = tmp_path / "scripts", tmp_path / "wd"
    shutil.copytree(scripts, own)
    folder.mkdir()
    return Node(own, folder)


@pytest.mark.parametrize("main", ["main.py", "__main__.py"])
def test_a_folder_finds_its_modules_and_its_data(node: Node, tmp_path: Path, main: str) -> None:
    tool = tmp_path / "tool"
    (tool / "data").mkdir(parents=True)
    (tool / "data" / "words.txt").write_text("from data")
    (tool / "json.py").write_text("WORD = 'from a module'\n")
    (tool / main).write_text(
        "import pathlib, sys, json\n"
        "data = pathlib.Path(__file__).parent / 'data' / 'words.txt'\n"
        "text = f'{json.WORD}, {data.read_text()}'\n"
        "pathlib.Path(sys.argv[1], 'said.txt').write_text(text)\n"
    )
    (node.scripts / "tool.program.zip").write_bytes(packed(tool))
    subprocess.run([sys.executable, "-S", "-E", str(node.scripts / "environment.py")], check=True)
    node.page["program"] |= {"file": "tool", "arguments": ["{output}"]}
    (output,) = node.run_one()["outputs"]
    assert (node.folder / output["blob"]).read_text() == "from a module, from data"


def test_a_program_that_is_not_python_runs_as_its_first_line_says(node: Node) -> None:
    script = node.scripts / "count.sh"
    script.write_text('#!/bin/sh\necho "$1" > "$FANFARE_OUTPUT/said.txt"\n')
    script.chmod(0o770)
    node.page["program"] |= {"file": "count.sh", "arguments": ["a b"]}
    (output,) = node.run_one()["outputs"]
    assert (node.folder / output["blob"]).read_text() == "a b\n"
