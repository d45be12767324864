"""Cuts an item's part out of the task's input, as the plan describes it."""

import codecs
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypedDict

UTF_8 = "utf-8"
_CHUNK = 1024 * 1024
_MARK = "\ufeff"


class Cut(TypedDict):
    """What a page says: the placeholder that stands for the file, and the input's encoding."""

    placeholder: str
    encoding: str


class Cutter(NamedTuple):
    """Cuts parts out of an input; one that is not UTF-8 is first written as UTF-8, once."""

    cut: Cut
    folder: Path

    def part(self, source: Path, spans: Iterable[tuple[int, int]], target: Path) -> None:
        """Write the spans of the input into a file. Raises OSError or UnicodeDecodeError."""
        readable = source if self.cut["encoding"] == UTF_8 else self._in_utf8(source)
        with readable.open("rb") as whole, target.open("wb") as part:
            for start, end in spans:
                whole.seek(start)
                _copy(whole, part, end - start)

    def _in_utf8(self, source: Path) -> Path:
        target = self.folder / f"utf8-{source.name}"
        if target.exists():
            return target
        unfinished = target.with_name(f"tmp-{target.name}")
        decoder = codecs.getincrementaldecoder(self.cut["encoding"])()
        with source.open("rb") as raw, unfinished.open("wb") as text:
            first = True
            while True:
                chunk = raw.read(_CHUNK)
                decoded = decoder.decode(chunk, final=not chunk)
                text.write((decoded.removeprefix(_MARK) if first else decoded).encode())
                first = first and not decoded
                if not chunk:
                    break
        unfinished.replace(target)
        return target


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size > 0:
        chunk = source.read(min(size, _CHUNK))
        if not chunk:
            raise OSError("the input is shorter than the plan says")
        target.write(chunk)
        size -= len(chunk)
