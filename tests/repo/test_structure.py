"""The repository keeps its own rules: sizes, imports, environment, documented settings."""

import ast
import functools
import graphlib
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MOST_LINES_OF_A_MODULE, MOST_LINES_OF_A_FUNCTION, MOST_MODULES_OF_A_FOLDER = 350, 45, 15
# One module an area of the service.
LARGE_FOLDERS = {"emulators/batch/wire", "emulators/batch/model"}


def modules(*folders: str) -> list[Path]:
    found = (path for folder in folders for path in sorted((ROOT / folder).rglob("*.py")))
    return [path for path in found if "node_modules" not in path.parts]


PROGRAM = [*modules("pipeline", "emulators", "task_scripts"), ROOT / "function_app.py"]
CLIENT = modules("client")  # a package of its own, which programs of users install
EVERYTHING = [*PROGRAM, *CLIENT, *modules("tests", "benchmarks", "scripts")]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_is_too_long():
    lines = {name_of(path): path.read_text("utf-8").count("\n") for path in EVERYTHING}
    assert {name: n for name, n in lines.items() if n > MOST_LINES_OF_A_MODULE} == {}


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{name_of(path)}:{node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_function_is_too_long():
    found = (function for path in EVERYTHING for function in functions(path))
    assert [(name, lines) for name, lines in found if lines > MOST_LINES_OF_A_FUNCTION] == []


def test_no_folder_is_a_drawer():
    held = Counter(name_of(path.parent) for path in EVERYTHING)
    large = {folder for folder, count in held.items() if count > MOST_MODULES_OF_A_FOLDER}
    assert large == LARGE_FOLDERS


def dotted(path: Path) -> str:
    root = ROOT / "client/src" if path in CLIENT else ROOT
    return ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")


def test_no_modules_import_each_other_in_a_circle():
    known = {dotted(path) for path in EVERYTHING}
    imports = {
        dotted(path): {name if name in known else name.rpartition(".")[0] for name in named}
        for path in EVERYTHING
        if (named := imported_names(tree_of(path)))
    }
    graphlib.TopologicalSorter(imports).prepare()  # names the circle


def imported_names(tree: ast.AST) -> set[str]:
    """Name what is imported from where, in functions as well: a module, or something in it."""
    from_modules = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    nodes = (node for node in ast.walk(tree) if isinstance(node, ast.Import))
    return from_modules | {alias.name for node in nodes for alias in node.names}


def imported(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def test_only_adapters_and_the_shell_import_azure_in_the_engine():
    found = [
        name_of(path)
        for path in PROGRAM
        if path.is_relative_to(ROOT / "pipeline")
        and not path.is_relative_to(ROOT / "pipeline/adapters")
        and any(name.split(".")[0] == "azure" for name in imported(tree_of(path)))
    ]
    assert not found


def test_the_shell_imports_only_bootstrap_the_doors_and_the_queues():
    inner = {name for name in imported(tree_of(ROOT / "function_app.py")) if "pipeline" in name}
    assert inner == {"pipeline", "pipeline.domain.runs.messages", "pipeline.handlers.doors"}


def test_the_engine_reads_its_environment_in_bootstrap_alone():
    found = [
        name_of(path)
        for path in PROGRAM
        if path.is_relative_to(ROOT / "pipeline")
        and not path.is_relative_to(ROOT / "pipeline/cli")
        and re.search(r"os\.environ|getenv", path.read_text("utf-8"))
    ]
    assert found == ["pipeline/bootstrap.py"]


def settings_read() -> set[str]:
    text = (ROOT / "pipeline/settings.py").read_text("utf-8")
    app = (ROOT / "function_app.py").read_text("utf-8")
    return set(re.findall(r'"((?:FANFARE|AZURE|OTEL|APPLICATIONINSIGHTS)_\w+)"', text)) | set(
        re.findall(r"%(\w+)%", app)
    )


@pytest.mark.parametrize("name", sorted(settings_read()))
def test_every_setting_is_in_its_page(name):
    assert name in (ROOT / "docs/settings.md").read_text("utf-8")


def test_every_file_that_the_architecture_names_exists():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    named = re.findall(r"`([\w./-]+\.(?:py|json|toml|md|bicep|cjs))`", text)
    linked = re.findall(r"\]\(([\w./-]+)\)", text)
    assert len(named) > 80
    there = [ROOT, ROOT / "pipeline"]
    assert not [name for name in (*named, *linked) if not any((f / name).exists() for f in there)]


def test_the_architecture_names_every_room():
    text = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
    rooms = {
        path.name
        for layer in ("handlers", "domain", "adapters", "cli")
        for path in (ROOT / "pipeline" / layer).iterdir()
        if (path / "__init__.py").exists()
    }
    assert not [room for room in sorted(rooms) if not re.search(rf"\b{room}\b", text)]


def test_no_lock_file_names_a_registry_or_any_address():
    locks = ("emulators/storage", "tests/emulators/batch/clients")
    files = [ROOT / "requirements.txt", *(ROOT / lock / "package-lock.json" for lock in locks)]
    files += [path for path in (ROOT / "requirements").rglob("*") if path.is_file()]
    files += (ROOT / "task_scripts/environments").iterdir()
    words = ("registry.", "pypi.org", "pythonhosted", "://")
    assert not [name_of(p) for p in files if any(w in p.read_text("utf-8") for w in words)]
