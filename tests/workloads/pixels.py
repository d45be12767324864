"""Reads the pictures that `render` writes, and compares them pixel by pixel."""

import struct
import zlib
from pathlib import Path

from task_scripts.render.picture import Picture


def png(path: Path) -> Picture:
    """Read the PNG in the one way that it is written here, with all checks."""
    content, at, chunks = path.read_bytes(), 8, {}
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    while at < len(content):
        (size,) = struct.unpack_from(">I", content, at)
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert struct.unpack_from(">I", content, at + 8 + size) == (zlib.crc32(name + data),)
        chunks[name], at = data, at + 12 + size
    width, height, *kind = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert kind == [8, 2, 0, 0, 0]
    raw, above, pixels = zlib.decompress(chunks[b"IDAT"]), bytes(3 * width), b""
    for row in range(height):
        line = raw[row * (3 * width + 1) : (row + 1) * (3 * width + 1)]
        above = bytes((a + b) & 255 for a, b in zip(line[1:], above, strict=True))
        assert line[0] == 2
        pixels += above
    return Picture(width, height, pixels)


def differing(one: Picture, other: Picture) -> list[int]:
    """Return by how much each pixel differs that differs."""
    assert one[:2] == other[:2]
    apart = [abs(a - b) for a, b in zip(one.pixels, other.pixels, strict=True)]
    return [most for at in range(0, len(apart), 3) if (most := max(apart[at : at + 3]))]
