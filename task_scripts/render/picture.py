"""Pictures of three bytes a pixel: read from PPM, as POV-Ray writes it, and written as PNG."""

import re
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

_HEADER = re.compile(rb"P6\s+(?:#[^\n]*\s+)*(\d{1,6})\s+(\d{1,6})\s+255\s")
_MOST_HEADER = 4096


class Unusable(Exception):
    """A scene or a picture cannot be used; the message says why."""


class Picture(NamedTuple):
    """Rows of pixels, from the top."""

    width: int
    height: int
    pixels: bytes

    def rows(self, start: int, end: int) -> "Picture":
        """Return the rows from `start` up to `end`."""
        line = 3 * self.width
        return Picture(self.width, end - start, self.pixels[start * line : end * line])


def read_ppm(path: Path) -> Picture:
    """Read a PPM of eight bits. Raises Unusable."""
    content = path.read_bytes()
    found = _HEADER.match(content[:_MOST_HEADER])
    if found is None:
        raise Unusable(f"{path.name} is not a PPM of eight bits")
    width, height = int(found[1]), int(found[2])
    pixels = content[found.end() :]
    if len(pixels) != 3 * width * height:
        raise Unusable(f"{path.name} does not have the {width} x {height} pixels that it says")
    return Picture(width, height, pixels)


def ppm(picture: Picture) -> bytes:
    """Return a picture as PPM."""
    return f"P6\n{picture.width} {picture.height}\n255\n".encode() + picture.pixels


def below_each_other(pictures: Iterable[Picture]) -> Picture:
    """Put pictures of one width together, the first on top. Raises Unusable."""
    given = list(pictures)
    widths = {picture.width for picture in given}
    if len(widths) != 1:
        raise Unusable(f"the tiles have different widths: {sorted(widths)}")
    height = sum(picture.height for picture in given)
    return Picture(widths.pop(), height, b"".join(picture.pixels for picture in given))


def write_png(path: Path, picture: Picture) -> None:
    """Write a PNG whose colours are sRGB."""
    line = 3 * picture.width
    # Each row begins with its filter: 2 stores the difference from the row above.
    above, rows = bytes(line), []
    for start in range(0, len(picture.pixels), line):
        row = picture.pixels[start : start + line]
        rows.append(b"\2" + bytes((a - b) & 255 for a, b in zip(row, above)))  # noqa: B905 - nodes may have Python 3.10
        above = row
    size = struct.pack(">IIBBBBB", picture.width, picture.height, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"sRGB", b"\0"), (b"IDAT", zlib.compress(b"".join(rows), 9)))
    content = b"".join(_chunk(name, data) for name, data in (*chunks, (b"IEND", b"")))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)


def _chunk(name: bytes, data: bytes) -> bytes:
    check = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)
