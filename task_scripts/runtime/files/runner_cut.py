"""Cuts an item's part out of the task's input, as the plan describes it."""

import codecs
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TypedDict

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.files import runner_folder as folders
else:  # on a node the files are in one folder
    import runner_folder as folders

UTF_8 = "utf-8"
_CHUNK = 1024 * 1024
_MARK = "\ufeff"


class Cut(TypedDict):
    """What a page says: the placeholder that stands for the file, and the input's encoding."""

    placeholder: str
    encoding: str


class Cutter(NamedTuple):
    """Cuts parts out of an input; one that is not UTF-8 is first written as UTF-8, once.

    `folder` is the runner's own, where that text is kept.
    """

    cut: Cut
    folder: folders.Folder

    def part(self, source: Path, spans: Iterable[tuple[int, int]], target: BinaryIO) -> None:
        """Write the spans of the input into a file. Raises OSError or UnicodeDecodeError."""
        readable = source.open("rb") if self.cut["encoding"] == UTF_8 else self._in_utf8(source)
        with readable as whole:
            for start, end in spans:
                whole.seek(start)
                _copy(whole, target, end - start)

    def _in_utf8(self, source: Path) -> BinaryIO:
        name = f"utf8-{source.name}"
        try:
            return self.folder.open(name)
        except FileNotFoundError:
            pass
        unfinished = f"tmp-{os.urandom(8).hex()}"
        with source.open("rb") as raw, self.folder.create(unfinished) as text:
            self._convert(raw, text)
        self.folder.rename(unfinished, name)
        return self.folder.open(name)

    def _convert(self, raw: BinaryIO, text: BinaryIO) -> None:
        decoder = codecs.getincrementaldecoder(self.cut["encoding"])()
        first = True
        while True:
            chunk = raw.read(_CHUNK)
            decoded = decoder.decode(chunk, final=not chunk)
            text.write((decoded.removeprefix(_MARK) if first else decoded).encode())
            first = first and not decoded
            if not chunk:
                break


def _copy(source: BinaryIO, target: BinaryIO, size: int) -> None:
    while size > 0:
        chunk = source.read(min(size, _CHUNK))
        if not chunk:
            raise OSError("the input is shorter than the plan says")
        target.write(chunk)
        size -= len(chunk)
