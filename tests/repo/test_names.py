"""Each name is spelt in one place: those of blobs and jobs in `naming`, rows in the ledger."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.domain.runs.naming import CONTAINERS

ROOT = Path(__file__).resolve().parents[2]
NAMING = ROOT / "pipeline/domain/runs/naming.py"
ENGINE = [path for path in sorted((ROOT / "pipeline").rglob("*.py")) if path != NAMING]
# Pieces of blob names; `{}` means a value of an f-string.
PIECES = re.compile(
    r"\{\}/g\{\}|/plan/|/out/|/log/|/assembled/|chosen\.json|(?:^|/)manifest\.json|by-name|uploads/|"
    r"\.fanfare-doctor|p-\{\}|(?:^|/)parts\.json|^page\.json|^o-|^l-|^r-|-g\{\}"
)
ROW_KEY = re.compile(r"^!\w+$|^(?:active|outbox|ended|demand|pages|tasks|t):")


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield every text of a module except docstrings; f-strings have `{}` for values."""
    tree = ast.parse(path.read_text("utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    inner = {
        id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
        for part in node.values
    }  # fmt: skip
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (v.value if isinstance(v, ast.Constant) else "{}" for v in node.values)
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and id(node) not in docs | inner:
            yield node.lineno, str(node.value)


def spelt(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    """Return where a text that is not a sentence matches."""
    return [
        f"{path.relative_to(ROOT)}:{line}: {text!r}"
        for path in paths
        for line, text in strings(path)
        if " " not in text and pattern.search(text)
    ]


def test_only_naming_spells_blob_and_job_names():
    assert not spelt(PIECES, [path for path in ENGINE if "ledger" not in path.parts])


def test_only_naming_says_in_which_container_a_blob_of_the_engine_lies():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ENGINE
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
        and node.args[0].value in CONTAINERS
        and getattr(node.func, "attr", getattr(node.func, "id", "")) in ("BlobRef", "list")
    ]  # fmt: skip
    assert not found


def test_only_the_ledger_spells_row_keys():
    assert not spelt(ROW_KEY, [path for path in ENGINE if "ledger" not in path.parts])


@pytest.mark.parametrize("folder", ["handlers", "cli", "domain"])
def test_only_the_ledger_asks_tables(folder):
    """Other modules pass the port on; the import contract stops them from building operations."""
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in (ROOT / "pipeline" / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute)
        and node.attr in ("get", "query", "transact")
        and ast.unparse(node.value).split(".")[-1] == "tables"
    ]
    assert not found


def test_the_search_finds_what_it_looks_for(tmp_path):
    module = tmp_path / "m.py"
    module.write_text('def f(run, n):\n    """/plan/"""\n    return f"{run}/g{n}/x", "!paused"\n')
    texts = [text for _, text in strings(module)]
    assert [bool(PIECES.search(text)) for text in texts] == [True, False]
    assert [bool(ROW_KEY.search(text)) for text in texts] == [False, True]
