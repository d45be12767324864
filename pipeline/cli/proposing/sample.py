"""What a sample tells of the inputs of a pipeline: its ending, and whether it is a text."""

from dataclasses import dataclass
from pathlib import Path, PurePath

_READ = 1 << 20
_TABLES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_OF_LINES = frozenset({".txt", ".log", ".jsonl", ".ndjson", ".list", ".md"})


@dataclass(frozen=True)
class Sample:
    """A sample by its ending, in lower case, and its content."""

    ending: str
    is_text: bool
    lines: int

    @property
    def delimiter(self) -> str:
        """What separates the columns of a table; "" if it is none."""
        return _TABLES.get(self.ending, "") if self.is_text else ""

    @property
    def has_records(self) -> bool:
        """Whether each of its lines may stand for itself."""
        return self.is_text and self.lines > 1 and self.ending in _OF_LINES


def sample_of(path: Path) -> Sample:
    """Look at the beginning of a file. Raises OSError."""
    with path.open("rb") as file:
        return judged(path.name, file.read(_READ))


def judged(name: str, head: bytes) -> Sample:
    """Judge a sample by its name and how it begins."""
    ending = PurePath(name).suffix.lower()
    try:
        # The last character of a longer file may be cut in two.
        text = head.decode("utf-8") if len(head) < _READ else head.decode("utf-8", "ignore")
    except UnicodeDecodeError:
        return Sample(ending, is_text=False, lines=0)
    return Sample(ending, is_text="\0" not in text, lines=text.count("\n"))
