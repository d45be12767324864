"""Zip archives as a stream: the same members give the same bytes, and none is held in memory.

The list of the members at the end is written here and not by the library, which holds all of them.
"""

import io
import re
import struct
import unicodedata
import zipfile
from array import array
from collections.abc import Buffer, Generator, Iterable, Iterator, Set
from contextlib import closing
from itertools import batched, chain, pairwise

from pipeline.domain.outputs.concatenate import AssembleError
from pipeline.domain.outputs.file_names import DEVICES
from pipeline.domain.outputs.parts import short_digest
from pipeline.domain.runs.stored import Stored

# Names that Windows cannot create, with any extension, and characters that it does not allow.
_DEVICE = re.compile(rf"({DEVICES})(\.|$)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'[<>:"|?*\\\x00-\x1f]')
_LONGEST_NAME = 65_535  # bytes; its length has 16 bits
_EPOCH = (1980, 1, 1, 0, 0, 0)
_DESCRIBED_AFTERWARDS = 0x08  # the bytes of a member are counted when they are written
_HEADER = 50  # bytes beside the name, with lengths of 64 bits
_DESCRIPTION = 24  # bytes, with lengths of 64 bits
_MODE = 0o600 << 16
_UTF_8 = 0x800  # the name is UTF-8
_UNIX = 3  # the system whose modes the members have
_DATE = 1 << 5 | 1  # 1 January 1980
_LARGE = zipfile.ZIP64_LIMIT  # more has a field of 64 bits
_MANY = zipfile.ZIP_FILECOUNT_LIMIT
_ENTRY = struct.Struct("<4s4B4HL2L5H2L")
_END = struct.Struct("<4s4H2LH")
_END_64, _LOCATOR = struct.Struct("<4sQ2H2L4Q"), struct.Struct("<4sLQL")
_ENTRIES = 1_000  # that are yielded together


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
    """Raise AssembleError for names that not every tool could unpack, or not beside each other.

    Goes through them twice if two digests are the same: of a name only a few bytes are held.
    """
    files, folders, last = array("Q"), set[int](), ""
    for name in names:
        _check_member(name)
        key = _folded(name)
        files.append(short_digest(key))
        if (above := key.rpartition("/")[0]) != last:
            folders.update(map(short_digest, _folders(key)))
            last = above
    seen = sorted(chain(files, folders))
    if suspects := {one for one, other in pairwise(seen) if one == other}:
        _check_together(name for name in names if _is_among(suspects, _folded(name)))


def _is_among(suspects: Set[int], key: str) -> bool:
    return any(short_digest(one) in suspects for one in (key, *_folders(key)))


def _folders(key: str) -> Iterator[str]:
    return (key[:end] for end, character in enumerate(key) if character == "/")


def _check_together(names: Iterable[str]) -> None:
    files: dict[str, str] = {}
    folders: dict[str, str] = {}
    for name in names:
        key = _folded(name)
        if key in files:
            raise AssembleError(f"{_shown(files[key])} and {_shown(name)} {_SAME}")
        files[key] = name
        for folder in _folders(key):
            folders.setdefault(folder, name)
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

    @property
    def end(self) -> int:
        """Where the next member begins: each has a header, its bytes, and their description."""
        return self.offset + _HEADER + len(self.name.encode()) + self.packed + _DESCRIPTION

    def entry(self) -> bytes:
        """Return what the list at the end of the archive says of the member."""
        name, flags = self.name.encode(), _DESCRIBED_AFTERWARDS
        flags |= 0 if self.name.isascii() else _UTF_8
        large = [self.size, self.packed] if max(self.size, self.packed) > _LARGE else []
        far = [self.offset] if self.offset > _LARGE else []
        fields = [*large, *far]
        more = struct.pack(f"<2H{len(fields)}Q", 1, 8 * len(fields), *fields) if fields else b""
        version, hidden = zipfile.ZIP64_VERSION, 0xFFFFFFFF
        about = (flags, zipfile.ZIP_DEFLATED, 0, _DATE, self.crc)
        sizes = (hidden, hidden) if large else (self.packed, self.size)
        lengths = (len(name), len(more), 0, 0, 0, _MODE, hidden if far else self.offset)
        begin = _ENTRY.pack(b"PK\1\2", version, _UNIX, version, 0, *about, *sizes, *lengths)
        return begin + name + more


class Zip:
    """The members of a zip archive, written one by one, deflated, from a place in it on.

    Close it in the end, whether it ended or not.
    """

    def __init__(self, at: int = 0) -> None:
        self._pipe = _Pipe(at)
        self._archive = zipfile.ZipFile(self._pipe, "w", zipfile.ZIP_DEFLATED)
        self._adding: Generator[bytes] | None = None
        self._members: list[Member] = []

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
        self._members.append(_member(self._archive.filelist.pop()))
        self._archive.NameToInfo.clear()  # else the library would hold all members
        yield self._pipe.take()

    @property
    def pending(self) -> int:
        """How many members `take` would return."""
        return len(self._members)

    def take(self) -> list[Member]:
        """Return the members that were written since the last call."""
        taken, self._members = self._members, []
        return taken


def _member(info: zipfile.ZipInfo) -> Member:
    return Member(
        name=info.filename,
        crc=info.CRC,
        size=info.file_size,
        packed=info.compress_size,
        offset=info.header_offset,
    )


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def ended(members: Iterable[Member]) -> Iterator[bytes]:
    """Yield what ends an archive of all these members: the list of them, and where it is."""
    begin = size = count = 0
    for some in batched(members, _ENTRIES, strict=False):
        listed = b"".join(member.entry() for member in some)
        begin, size, count = some[-1].end, size + len(listed), count + len(some)
        yield listed
    if count > _MANY or begin > _LARGE or size > _LARGE:
        version = zipfile.ZIP64_VERSION
        fields = (44, version, version, 0, 0, count, count, size, begin)
        yield _END_64.pack(b"PK\6\6", *fields) + _LOCATOR.pack(b"PK\6\7", 0, begin + size, 1)
    shown, where = min(count, 0xFFFF), (min(size, 0xFFFFFFFF), min(begin, 0xFFFFFFFF))
    yield _END.pack(b"PK\5\6", 0, 0, shown, shown, *where, 0)


def zipped(members: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    """Yield a zip archive of a few members (name, chunks), deflated, in their order."""
    with closing(Zip()) as archive:
        for name, chunks in members:
            yield from archive.add(name, chunks)
        yield from ended(archive.take())
