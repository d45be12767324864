"""The repository keeps its own rules: sizes, imports, environment, documented settings."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [
    path
    for folder in ("pipeline", "emulators", "task_scripts")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "node_modules" not in path.parts
] + [ROOT / "function_app.py"]
TREES = {path: ast.parse(path.read_text("utf-8")) for path in PROGRAM}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_no_module_has_more_than_400_lines():
    long = {name_of(p): n for p in PROGRAM if (n := p.read_text("utf-8").count("\n")) > 400}
    assert not long


def test_no_function_has_more_than_50_lines():
    long = {
        f"{name_of(path)}:{node.name}": lines
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (lines := (node.end_lineno or 0) - node.lineno + 1) > 50
    }
    assert not long


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
        for path, tree in TREES.items()
        if path.is_relative_to(ROOT / "pipeline")
        and not path.is_relative_to(ROOT / "pipeline/adapters")
        and any(name.split(".")[0] == "azure" for name in imported(tree))
    ]
    assert not found


def test_the_shell_imports_only_bootstrap_the_doors_and_the_queues():
    inner = {name for name in imported(TREES[ROOT / "function_app.py"]) if "pipeline" in name}
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
    files += [*(ROOT / "requirements").iterdir(), *(ROOT / "task_scripts/environments").iterdir()]
    words = ("registry.", "pypi.org", "pythonhosted", "://")
    assert not [name_of(p) for p in files if any(w in p.read_text("utf-8") for w in words)]
