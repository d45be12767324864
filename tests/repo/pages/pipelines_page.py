"""Reads `docs/pipelines.md`: its tables, its blocks, and the files in its blocks.

The first line of a block (or the text after its language) says what the block is:

    # pipelines/NAME.yaml, # pools/NAME.yaml     a whole definition
    # added to pipelines/NAME.yaml               keys that replace those of an earlier definition
    # task_scripts/NAME.py                       a program
    ```text input/NAME                           a blob that a run works on
    ```jsonl items, ```text output NAME, ...     the result of a run of the definition above
    ```json event of NAME                        the result of a run of that definition
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs/pipelines.md"
KEY_HEADER = ["key", "type", "default", "bounds", "meaning"]

_BLOCK = re.compile(
    r"^```(?P<language>\w+)(?: (?P<words>[^\n]+))?\n(?P<content>.*?)^```$", re.MULTILINE | re.DOTALL
)
_FIRST_LINE = re.compile(r"# (?P<added>added to )?(?P<path>(?:pipelines|pools|task_scripts)/\S+)\n")
_HEADING = re.compile(r"^(#+) (.+)$", re.MULTILINE)

type Row = Mapping[str, str]


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, what it is, and its content."""

    language: str
    words: str
    content: str


@dataclass
class Example:
    """A definition of the page, the one that it changes, and the results of its run."""

    path: str
    text: str
    added: bool = False
    expected: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The name of the pipeline or pool."""
        return Path(self.path).stem

    @property
    def id(self) -> str:
        """Name the example in a test's report."""
        first = self.text.split(":", 1)[0] if self.added else ""
        return f"{self.name}+{first}" if first else self.name


def text() -> str:
    """Return the page."""
    return PAGE.read_text("utf-8")


def prose() -> str:
    """Return the page without its blocks."""
    return _BLOCK.sub("", text())


def blocks() -> list[Block]:
    """Return the fenced blocks in order."""
    found = _BLOCK.finditer(text())
    return [Block(one["language"], one["words"] or "", one["content"]) for one in found]


def introductions() -> Iterator[tuple[str, str]]:
    """Yield what each block of data is, with the text directly before it."""
    end = 0
    for one in _BLOCK.finditer(text()):
        if one["words"]:
            yield one["words"], text()[end : one.start()]
        end = one.end()


def tables(part: str | None = None) -> Iterator[list[Row]]:
    """Yield each table, of the page or of a part of it, as rows by column."""
    for lines in re.findall(r"(?:^\|.*\n)+", prose() if part is None else part, re.MULTILINE):
        header, _, *rows = [_cells(line) for line in lines.splitlines()]
        yield [dict(zip(header, row, strict=True)) for row in rows]


def table(*header: str) -> list[Row]:
    """Return the one table that begins with these columns."""
    (found,) = [rows for rows in tables() if list(rows[0])[: len(header)] == list(header)]
    return found


def is_of_keys(rows: list[Row]) -> bool:
    """Return whether a table lists keys."""
    return list(rows[0]) == KEY_HEADER


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def sections() -> Iterator[tuple[str, str]]:
    """Yield each heading's text with what follows it, up to the next heading."""
    parts = _HEADING.split(prose())
    yield from zip(parts[2::3], parts[3::3], strict=True)


def anchors(markdown: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = [heading for _, heading in _HEADING.findall(_BLOCK.sub("", markdown))]
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def examples() -> list[Example]:
    """Return all definitions in order, each with the results that follow it."""
    found: list[Example] = []
    for block in blocks():
        first = _FIRST_LINE.match(block.content)
        if block.language == "yaml" and first:
            below = block.content[first.end() :]
            found.append(Example(first["path"], below, added=bool(first["added"])))
        elif block.words and not block.words.startswith("input/"):
            words, _, owner = block.words.partition(" of ")
            example = next((e for e in found if e.name == owner), found[-1])
            assert words not in example.expected, f"twice: {block.words}"
            example.expected[words] = block.content
    return found


def files(folder: str) -> dict[str, str]:
    """Return the blocks that are files of a folder (`task_scripts` or `input`), by name."""
    found: dict[str, str] = {}
    for block in blocks():
        first = _FIRST_LINE.match(block.content)
        path = first["path"] if first and not first["added"] else block.words
        if path.startswith(f"{folder}/"):
            name = path.removeprefix(f"{folder}/")
            assert name not in found, f"twice: {path}"
            found[name] = block.content
    return found
