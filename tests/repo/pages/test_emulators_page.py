"""docs/emulators.md describes every emulator, and every file that it names exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs/emulators.md").read_text("utf-8")
FOLDERS = {
    "Storage": "storage",
    "Event Grid": "eventgrid",
    "Batch": "batch",
    "Functions host": "functions",
    "Stack": "stack",
}
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


def named(text: str) -> list[str]:
    """Return the files, and the folders with a final slash, that a text names."""
    return re.findall(r"`([\w./-]+(?:\.(?:py|cjs|toml|md)|/))`", text)


def test_every_emulator_has_a_section():
    programs = {path.parent.name for path in (ROOT / "emulators").glob("*/__main__.py")}
    assert set(FOLDERS.values()) == programs
    assert set(FOLDERS) <= set(SECTIONS)


@pytest.mark.parametrize("heading", FOLDERS)
def test_the_files_of_a_section_exist_in_its_emulator(heading):
    folder = ROOT / "emulators" / FOLDERS[heading]
    found = named(SECTIONS[heading])
    assert found
    assert not [name for name in found if not any((at / name).exists() for at in (folder, ROOT))]


def test_the_other_files_exist_in_the_repository():
    rest = PAGE.partition("\n## Storage")[0]
    assert not [name for name in named(rest) if not (ROOT / name).exists()]


def test_links_lead_somewhere():
    links = re.findall(r"\]\(([\w./-]+)\)", PAGE)
    assert links
    assert not [link for link in links if not (ROOT / "docs" / link).exists()]


def test_the_modules_of_the_small_emulators_are_all_named():
    """The larger ones have a map in their package's docstring instead."""
    for heading in ("Storage", "Event Grid", "Stack"):
        folder = ROOT / "emulators" / FOLDERS[heading]
        modules = {path.name for path in folder.glob("*.py")} - {"__init__.py"}
        assert not modules - set(named(SECTIONS[heading]))


@pytest.mark.parametrize("heading", ["Event Grid", "Stack"])
def test_a_file_of_a_map_knows_only_those_before_it(heading):
    package = f"emulators.{FOLDERS[heading]}"
    before: set[str] = set()
    for layer in re.findall(r"^\d+\. (.*)$", SECTIONS[heading].partition("\nMap")[2], re.MULTILINE):
        files = named(layer)
        for file in files:
            text = (ROOT / package.replace(".", "/") / file).read_text("utf-8")
            whole = set(re.findall(rf"from {package}\.(\w+) import", text))
            several = re.findall(rf"from {package} import ([\w, ]+)", text)
            known = whole | {name.strip() for names in several for name in names.split(",")}
            assert not known - before, file
        before |= {file.removesuffix(".py") for file in files}


def test_lines_of_prose_are_short():
    lines = [line for line in PAGE.splitlines() if not line.startswith("|")]
    assert not [line for line in lines if len(line) > 100]
