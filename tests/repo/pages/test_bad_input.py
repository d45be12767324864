"""Every test that `docs/bad-input.md` and `docs/doctor.md` name exists."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/bad-input.md").read_text("utf-8")
DOCTOR = (ROOT / "docs/doctor.md").read_text("utf-8")
NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TEXT + DOCTOR)))


@pytest.mark.parametrize("file", sorted({file for file, _ in NAMED}))
def test_every_named_test_exists(file):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    there = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert not [name for where, name in NAMED if where == file and name not in there]


def test_every_row_names_a_test():
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and "| --- |" not in line]
    silent = [row for row in rows if "`tests/" not in row and not row.startswith("| bad input")]
    assert len(rows) > 20
    assert not silent
