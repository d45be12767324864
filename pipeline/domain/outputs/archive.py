"""Zip archives as a stream: the same members give the same bytes, and none is held in memory."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Buffer, Iterable, Iterator

from pipeline.domain.outputs.concatenate import AssembleError

# Names that Windows cannot create, with any extension, and characters that it does not allow.
_DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_LONGEST_NAME = 65_535  # bytes; its length has 16 bits
_EPOCH = (1980, 1, 1, 0, 0, 0)


class _Pipe(io.RawIOBase):
    """A write-only file; `take` removes what was written so far."""

    def __init__(self) -> None:
        self.pending = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        chunk = bytes(data)
        self.pending += chunk
        return len(chunk)

    def take(self) -> bytes:
        taken = bytes(self.pending)
        self.pending.clear()
        return taken


def check_members(names: Iterable[str]) -> None:
    """Raise AssembleError for names that not every tool could unpack, or not beside each other."""
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        _check_member(name)
        key = _folded(name)
        if key in files:
            raise AssembleError(f"{_shown(files[key])} and {_shown(name)} {_SAME}")
        files[key] = name
        for end in (place for place, character in enumerate(key) if character == "/"):
            folders.setdefault(key[:end], name)
    for key in files.keys() & folders.keys():
        raise AssembleError(
            f"the name {_shown(files[key])} is that of a file, and that of a folder for "
            f"{_shown(folders[key])}: no tool unpacks both; rename one of them"
        )


_SAME = (
    "are one name where upper and lower case, or forms of an accent, do not differ, as on Windows "
    "and on a Mac: rename one of them"
)


def _check_member(name: str) -> None:
    for part in name.split("/"):
        if part in {"", ".", ".."}:
            raise AssembleError(f"{_shown(name)} cannot be in an archive: it has a part {part!r}")
        if _FORBIDDEN.search(part) or _DEVICES.match(part) or part.endswith((" ", ".")):
            raise AssembleError(
                f"{_shown(name)} cannot be unpacked on Windows: {_shown(part)} is reserved there, "
                "or has a character that is; rename it, or use `assemble: none`"
            )
    if len(name.encode()) > _LONGEST_NAME:
        raise AssembleError(f"{_shown(name)} is longer than {_LONGEST_NAME:,} bytes")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _shown(name: str) -> str:
    return ascii(name[:80])


def zipped(members: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield a zip archive of the members (name, chunks), deflated, in their order."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, chunks in members:
            info = zipfile.ZipInfo(name, _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(info, "w", force_zip64=True) as member:
                for chunk in chunks:
                    member.write(chunk)
                    yield pipe.take()
    yield pipe.take()
