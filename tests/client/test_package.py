"""The client is a package of its own: nothing of the engine, one dependency, the same methods."""

import ast
import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import fanfare
from fanfare import AsyncFanfare, Fanfare

import pipeline

FOLDER = Path(__file__).resolve().parents[2] / "client"
FIXTURES = FOLDER / "src/fanfare/testing/__init__.py"
SOURCES = sorted((FOLDER / "src/fanfare").rglob("*.py"))


def imported(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            yield str(node.module).partition(".")[0]


def test_it_imports_itself_httpx_and_the_standard_library():
    found = {name for path in SOURCES if path != FIXTURES for name in imported(path)}
    assert len(SOURCES) > 10
    assert found - sys.stdlib_module_names == {"fanfare", "httpx"}


def test_only_its_fixtures_import_pytest_and_pytest_finds_them_by_an_entry_point():
    assert set(imported(FIXTURES)) - sys.stdlib_module_names == {"fanfare", "pytest"}
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"fanfare": "fanfare.testing"}


def test_import_fanfare_pulls_in_nothing_of_the_engine():
    script = "import sys, fanfare; print([n for n in sys.modules if n.split('.')[0] in %r])"
    others = ["pipeline", "emulators", "task_scripts", "azure", "pydantic"]
    done = subprocess.run(
        [sys.executable, "-c", script % others],
        env={"PYTHONPATH": str(FOLDER / "src")},
        cwd="/",
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"


def test_its_syntax_is_that_of_python_3_10():
    project = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["requires-python"] == ">=3.10"
    for path in SOURCES:
        ast.parse(path.read_text("utf-8"), feature_version=(3, 10))


def test_it_is_typed():
    assert (FOLDER / "src/fanfare/py.typed").exists()


def test_it_has_the_version_of_the_engine_beside_which_it_was_tested():
    assert fanfare.__version__ == pipeline.__version__


def test_both_clients_have_the_same_methods_and_arguments():
    assert methods(Fanfare) == methods(AsyncFanfare)
    assert len(methods(Fanfare)) == 12


def methods(client):
    return {
        name: list(inspect.signature(method).parameters)
        for name, method in inspect.getmembers(client, callable)
        if not name.startswith("_")
    }
