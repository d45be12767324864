"""Counts the frames of an MP4 or MOV file from its sample table, reading only what it needs.

The file is untrusted: every size in it is checked against the box around it.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.errors import Permanent

MAX_MOOV = 64 * 1024 * 1024
MAX_BOXES = 10_000
MAX_READS = 200  # top-level boxes before the index; each costs a request

_SHORT, _LONG = 8, 16  # bytes of a box header
_TABLE_HEADER = 12
_FIRST = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})

type Read = Callable[[int, int], bytes]


class NotAVideo(Permanent):
    """The input is not an MP4 or MOV video that can be split."""


@dataclass(frozen=True, slots=True)
class _Box:
    kind: bytes
    start: int  # of its content
    end: int


def frame_count(read: Read, size: int) -> int:
    """Return the number of frames of the first video track; `read` takes offset and length."""
    if size <= 0:
        raise NotAVideo("the video is empty")
    place = _find_moov(read, size)
    if place.end - place.start > MAX_MOOV:
        raise NotAVideo(f"the index of the video is larger than {MAX_MOOV // 2**20} MiB")
    moov = _exactly(read, place.start, place.end - place.start)
    return _count(moov)


def _find_moov(read: Read, size: int) -> _Box:
    offset = 0
    for number in range(MAX_READS):
        if offset >= size:
            break
        head = _exactly(read, offset, min(_LONG, size - offset))
        if number == 0 and head[4:_SHORT] not in _FIRST:
            raise NotAVideo("the file does not start like an MP4 or MOV file")
        box = _header(head, offset, size)
        if box.kind == b"moov":
            return box
        offset = box.end
    raise NotAVideo("the file has no index of its frames (box moov): is it cut off?")


def _exactly(read: Read, offset: int, length: int) -> bytes:
    data = read(offset, length)
    if len(data) != length:
        raise NotAVideo("the video ends before its index does: is it cut off?")
    return data


def _header(data: bytes, offset: int, limit: int) -> _Box:
    """Parse the header of a box at `offset` that must end within `limit`."""
    if len(data) < _SHORT:
        raise NotAVideo("a box of the video is cut off")
    length, kind = struct.unpack_from(">I4s", data)
    start = offset + _SHORT
    if length == 1:
        if len(data) < _LONG:
            raise NotAVideo("a box of the video is cut off")
        (length,) = struct.unpack_from(">Q", data, 8)
        start += _LONG - _SHORT
    end = limit if length == 0 else offset + length
    if not start <= end <= limit:
        raise NotAVideo(f"a box of the video claims an impossible size: {length} bytes")
    return _Box(kind, start, end)


def _count(moov: bytes) -> int:
    whole = _Box(b"moov", 0, len(moov))
    fragmented = _child(moov, whole, b"mvex") is not None
    for track in _children(moov, whole):
        if track.kind == b"trak" and _is_video(moov, track):
            frames = _samples(moov, track)
            if frames:
                return frames
            if fragmented:
                raise NotAVideo("the video is fragmented: remux it, for example with -c copy")
    raise NotAVideo("the file has no video track with frames in it")


def _is_video(moov: bytes, track: _Box) -> bool:
    handler = _descend(moov, track, b"mdia", b"hdlr")
    return handler is not None and moov[handler.start + 8 : handler.start + 12] == b"vide"


def _samples(moov: bytes, track: _Box) -> int:
    table = _descend(moov, track, b"mdia", b"minf", b"stbl")
    if table is None:
        return 0
    for box in _children(moov, table):
        if box.kind in {b"stsz", b"stz2"}:
            return _table_length(moov, box)
    return 0


def _table_length(moov: bytes, box: _Box) -> int:
    if box.end - box.start < _TABLE_HEADER:
        raise NotAVideo("the sample table of the video is cut off")
    sample_size, count = struct.unpack_from(">II", moov, box.start + 4)
    bits = 32 if box.kind == b"stsz" else sample_size & 0xFF
    if box.kind == b"stsz" and sample_size:
        bits = 0  # all samples have the same size, so none is listed
    elif bits not in {4, 8, 16, 32}:
        raise NotAVideo("the sample table of the video has entries of an impossible size")
    if (count * bits + 7) // 8 > box.end - box.start - _TABLE_HEADER:
        raise NotAVideo(f"the sample table claims {count} frames but is too short for them")
    return int(count)


def _descend(moov: bytes, box: _Box, *path: bytes) -> _Box | None:
    found: _Box | None = box
    for kind in path:
        found = _child(moov, found, kind) if found else None
    return found


def _child(moov: bytes, parent: _Box, kind: bytes) -> _Box | None:
    return next((box for box in _children(moov, parent) if box.kind == kind), None)


def _children(moov: bytes, parent: _Box) -> Iterator[_Box]:
    offset = parent.start
    for _ in range(MAX_BOXES):
        # QuickTime may end a list of boxes with four zero bytes.
        if parent.end - offset < _SHORT:
            return
        box = _header(moov[offset : min(offset + _LONG, parent.end)], offset, parent.end)
        yield box
        offset = box.end
