"""SECURITY.md and CONTRIBUTING.md name files, tests, modules, commands and code that are there."""

import ast
import importlib.util
import re
from collections.abc import Iterator

import pytest

from pipeline.cli.registry import ENTRIES
from tests.repo import test_structure
from tests.repo.pages.pipelines_page import ROOT, anchors

PAGES = {name: (ROOT / name).read_text("utf-8") for name in ("SECURITY.md", "CONTRIBUTING.md")}
HOW_TOS = dict(
    re.findall(
        r"^## (Add [^\n]+)\n(.*?)(?=^## )", PAGES["CONTRIBUTING.md"], re.MULTILINE | re.DOTALL
    )
)
# Made on every machine: no part of the repository.
LOCAL = (".venv", ".fanfare", ".azure")
# Targets that the Makefile is about to get.

_CODE = re.compile(r"```\w*\n(?P<block>.*?)```|`(?P<span>[^`\n]+)`", re.DOTALL)
_PATH = re.compile(r"(?<![\w./-])(?:[\w.-]+/[\w./-]*|[\w.-]+\.(?:py|md|toml|yaml))(?![\w/])")


def code(text: str) -> Iterator[str]:
    """Yield the lines of code blocks and the code spans."""
    for found in _CODE.finditer(text):
        yield from (found["block"] or found["span"]).splitlines()


def paths(text: str) -> set[str]:
    """Return the files and folders that code names."""
    found = {path.rstrip("/") for line in code(text) for path in _PATH.findall(line)}
    return {path for path in found if not path.startswith(LOCAL)}


@pytest.fixture(params=PAGES, ids=lambda name: name)
def page(request) -> str:
    return PAGES[request.param]


def test_files_that_a_page_names_are_there(page):
    named = paths(page)
    assert len(named) > 30
    assert not [path for path in sorted(named) if not (ROOT / path).exists()]


def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([\w./-]*)(?:#([\w-]+))?\)", page)
    targets += [("", anchor) for anchor in re.findall(r"^\[\w+\]: #([\w-]+)$", page, re.MULTILINE)]
    for shown, file in re.findall(r"\[([\w.-]+[/.][\w./-]+)\]\(([\w./-]+)", page):
        assert shown == file
    for file, anchor in targets:
        assert not file or (ROOT / file).exists(), file
        text = (ROOT / file).read_text("utf-8") if file and anchor else page
        assert not anchor or anchor in anchors(text), (file, anchor)
    used, defined = (
        set(re.findall(r"\[(W\d+)\](?!:)", page)),
        set(re.findall(r"^\[(W\d+)\]:", page, re.MULTILINE)),
    )
    assert used <= defined


def test_commands_that_a_page_names_are_there(page):
    lines = list(code(page))
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = {name for line in lines for name in re.findall(r"^make ([\w-]+)", line)}
    assert not [
        name for name in sorted(targets)
        if not re.search(rf"^{name}:", makefile, re.MULTILINE)
    ]  # fmt: skip
    commands = set(ENTRIES)
    assert {n for line in lines for n in re.findall(r"fanfare ([a-z]+)", line)} <= commands
    modules = {name for line in lines for name in re.findall(r"python -m ([\w.]+)", line)}
    assert not [name for name in sorted(modules) if importlib.util.find_spec(name) is None]


def test_tests_that_a_page_names_are_there(page):
    for file, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", page):
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name in {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def sources(text: str) -> str:
    """Return the text of all files that a how-to names, or that lie in a folder that it names."""
    found = [ROOT / path for path in paths(text)]
    files = [file for path in found for file in ([path] if path.is_file() else path.rglob("*.py"))]
    return "\n".join(file.read_text("utf-8") for file in files if file.suffix in (".py", ".json"))


@pytest.mark.parametrize("title", HOW_TOS)
def test_code_that_a_how_to_names_is_in_the_files_that_it_names(title):
    text = HOW_TOS[title]
    words = {line.removeprefix("assembly.") for line in code(text) if re.fullmatch(r"[\w.]+", line)}
    names = {word for word in words if re.fullmatch(r"[A-Za-z_]+", word)}
    assert len(names) > 5
    there = sources(text)
    assert not [name for name in sorted(names) if not re.search(rf"\b{name}\b", there)]


def test_the_how_tos_are_those_of_the_table_of_contents():
    assert [title.split()[-1] for title in HOW_TOS] == ["split", "assembler", "emulator"]


def test_lines_of_prose_are_short(page):
    prose = re.sub(r"```.*?```", "", page, flags=re.DOTALL).splitlines()
    long = [line for line in prose if len(line) > 100 and not line.startswith(("|", "- [", "["))]
    assert not [line for line in long if "](http" not in line]


def test_the_sizes_that_contributors_read_are_those_that_a_test_holds():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    sizes = test_structure
    assert (
        f"a module has at most {sizes.MOST_LINES_OF_A_MODULE} lines, a function "
        f"{sizes.MOST_LINES_OF_A_FUNCTION}, a folder {sizes.MOST_MODULES_OF_A_FOLDER} modules"
    ) in text
