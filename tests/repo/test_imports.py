"""What scripts, benchmarks and tests import exists; mypy does not check them."""

import ast
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = ("pipeline", "emulators", "task_scripts", "fanfare")
FILES = [
    path
    for folder in ("scripts", "benchmarks", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
]


def imports(path: Path) -> list[tuple[str, str]]:
    """Return the modules of the programs, and the names that a file imports from them."""
    return [
        (node.module, alias.name)
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module
        and node.module.split(".")[0] in PROGRAMS
        for alias in node.names
    ]  # fmt: skip


def there(module: str, name: str) -> bool:
    """Return whether a module has a name, or a submodule of that name."""
    if hasattr(importlib.import_module(module), name):
        return True
    return importlib.util.find_spec(f"{module}.{name}") is not None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_a_file_imports_is_there(path):
    assert not [(module, name) for module, name in imports(path) if not there(module, name)]
