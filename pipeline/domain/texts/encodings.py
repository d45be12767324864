"""Finds the encoding of a text, by its byte order mark or by name, and turns it into UTF-8.

The text is untrusted and comes in chunks of any size. Its UTF-8 form has no byte order mark, so
places in it are the same wherever it is made.
"""

import codecs
import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.errors import Permanent

UTF_8 = "utf-8"
# Names of IANA that Python's codecs have as well; a codec that is no encoding of text is not here.
ENCODINGS = (
    UTF_8,
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "us-ascii",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "koi8-r",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
)
_MARKS = (  # the mark of UTF-32 begins with that of UTF-16
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, UTF_8),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_MARK = 4


class TextUnreadable(Permanent):
    """The bytes are not a text in the encoding that they should have."""


@dataclass(frozen=True)
class Text:
    """A text: its encoding, the length of its byte order mark, and its chunks without that mark."""

    encoding: str
    mark: int
    chunks: Iterator[bytes]

    @property
    def start(self) -> int:
        """Where the text begins in the file that nodes cut: its own bytes, or its UTF-8 form."""
        return self.mark if self.encoding == UTF_8 else 0

    def utf8(self) -> Iterator[bytes]:
        """Yield the text in UTF-8. Raises TextUnreadable with the place of the first bad byte."""
        if self.encoding == UTF_8:
            return self._checked()
        return (part.encode() for part in _decoded(self.chunks, self.encoding, self.mark))

    def _checked(self) -> Iterator[bytes]:
        """Pass UTF-8 on as it is, once it was decoded."""
        for chunk, _ in _with_text(self.chunks, self.encoding, self.mark):
            yield chunk


def opened(chunks: Iterable[bytes], encoding: str | None = None) -> Text:
    """Open a text whose encoding is named, or told by its byte order mark, or UTF-8.

    Raises TextUnreadable if the mark and the name contradict each other, or both say too little.
    """
    rest = iter(chunks)
    head = b""
    for chunk in rest:
        head += chunk
        if len(head) >= _LONGEST_MARK:
            break
    marked, length = _marked(head)
    if marked.startswith("utf-32"):
        raise TextUnreadable(f"the text is {marked}, which is not supported: convert it to UTF-8")
    if marked and encoding not in {None, marked, marked.removesuffix("-le").removesuffix("-be")}:
        raise TextUnreadable(
            f"the text begins with the byte order mark of {marked}, but its encoding is said to "
            f"be {encoding}"
        )
    known = marked or encoding or UTF_8
    if known == "utf-16":
        raise TextUnreadable(
            "the text has no byte order mark: say whether it is utf-16-le or utf-16-be"
        )
    return Text(known, length, itertools.chain([head[length:]], rest))


def reopened(chunks: Iterable[bytes], at: int) -> Text:
    """Open a UTF-8 text again whose chunks begin at a place between two of its records."""
    return Text(UTF_8, at, iter(chunks))


def _marked(head: bytes) -> tuple[str, int]:
    """Return the encoding that a byte order mark tells, or "", and the length of the mark."""
    return next(((name, len(mark)) for mark, name in _MARKS if head.startswith(mark)), ("", 0))


def _decoded(chunks: Iterable[bytes], encoding: str, at: int) -> Iterator[str]:
    return (text for _, text in _with_text(chunks, encoding, at))


def _with_text(chunks: Iterable[bytes], encoding: str, at: int) -> Iterator[tuple[bytes, str]]:
    """Yield each chunk with what it decodes to; `at` is the place of the first byte."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for chunk in itertools.chain(filter(None, chunks), [b""]):
        pending = len(decoder.getstate()[0])
        try:
            text = decoder.decode(chunk, final=not chunk)
        except UnicodeDecodeError as error:
            raise TextUnreadable(
                f"the text is not {encoding}: byte {at - pending + error.start:,} is "
                f"{_shown(error)}, {error.reason}"
            ) from error
        if "\0" in text:
            raise TextUnreadable(
                f"the text has a NUL character after byte {at + max(chunk.find(0), 0):,}: if it is "
                "UTF-16 without a byte order mark, name its encoding; split by bytes what is no "
                "text"
            )
        at += len(chunk)
        yield chunk, text


def _shown(error: UnicodeDecodeError) -> str:
    return " ".join(f"0x{byte:02x}" for byte in error.object[error.start : error.end][:4])
