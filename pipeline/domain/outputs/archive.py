"""Zip archives as a stream: the same members give the same bytes, and none is held in memory."""

import io
import re
import unicodedata
import zipfile
from collections.abc import Buffer, Generator, Iterable, Iterator
from contextlib import closing

from pipeline.domain.outputs.concatenate import AssembleError
from pipeline.domain.outputs.file_names import DEVICES
from pipeline.domain.runs.stored import Stored

# Names that Windows cannot create, with any extension, and characters that it does not allow.
_DEVICE = re.compile(rf"({DEVICES})(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_LONGEST_NAME = 65_535  # bytes; its length has 16 bits
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DESCRIBED_AFTERWARDS = 0x08  # the bytes of a member are counted when they are written
_DESCRIPTION = 24  # bytes, with lengths of 64 bits
_MODE = 0o600 << 16


class _Pipe(io.RawIOBase):
    """A write-only file that begins at a place; `take` removes what was written so far."""

    def __init__(self, at: int) -> None:
        self.pending, self._at = bytearray(), at

    def tell(self) -> int:
        return self._at + len(self.pending)

    def writable(self) -> bool:
        return True

    def write(self, data: Buffer) -> int:
        chunk = bytes(data)
        self.pending += chunk
        return len(chunk)

    def take(self) -> bytes:
        taken = bytes(self.pending)
        self._at += len(taken)
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
        if _FORBIDDEN.search(part) or _DEVICE.match(part) or part.endswith((" ", ".")):
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


class Member(Stored):
    """A member that is written: its name, its bytes before and after, and where it begins."""

    name: str
    crc: int
    size: int
    packed: int
    offset: int

    def info(self) -> zipfile.ZipInfo:
        """Return the member as the library describes it."""
        info = _info(self.name)
        info.CRC, info.file_size, info.compress_size = self.crc, self.size, self.packed
        info.header_offset, info.flag_bits = self.offset, _DESCRIBED_AFTERWARDS
        info.create_version = info.extract_version = zipfile.ZIP64_VERSION
        info.external_attr = _MODE
        return info


class Zip:
    """A zip archive that is written member by member, deflated, after those that are written.

    Close it in the end, whether it ended or not.
    """

    def __init__(self, written: Iterable[Member] = ()) -> None:
        before = list(written)
        self._before = len(before)
        self._pipe = _Pipe(_end(before))
        self._archive = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED)
        self._archive.filelist += [member.info() for member in before]
        self._adding: Generator[bytes] | None = None

    def add(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Write a member; yield its bytes."""
        self._adding = self._written(name, chunks)
        return self._adding

    def close(self) -> None:
        """Leave the archive as it is."""
        if self._adding:
            self._adding.close()
        self._archive.fp = None  # else it would be ended when it is forgotten

    def _written(self, name: str, chunks: Iterable[bytes]) -> Generator[bytes]:
        with self._archive.open(_info(name), "w", force_zip64=True) as member:
            for chunk in chunks:
                member.write(chunk)
                yield self._pipe.take()
        yield self._pipe.take()

    def end(self) -> bytes:
        """End the archive; return the list of its members, which is last in it."""
        self._archive.close()
        return self._pipe.take()

    @property
    def members(self) -> list[Member]:
        """The members that were added here."""
        return [
            Member(
                name=info.filename,
                crc=info.CRC,
                size=info.file_size,
                packed=info.compress_size,
                offset=info.header_offset,
            )
            for info in self._archive.filelist[self._before :]
        ]


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def _end(members: list[Member]) -> int:
    """Return where the members end: each has a header, its bytes, and their description."""
    if not members:
        return 0
    last = members[-1]
    header = len(last.info().FileHeader(zip64=True))
    return last.offset + header + last.packed + _DESCRIPTION


def zipped(members: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield a zip archive of the members (name, chunks), deflated, in their order."""
    with closing(Zip()) as archive:
        for name, chunks in members:
            yield from archive.add(name, chunks)
        yield archive.end()
