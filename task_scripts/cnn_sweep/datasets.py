"""Labelled images, and which of them are for learning, for choosing, and for the last test."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO, NamedTuple

import numpy as np
from numpy.lib import format as npy

_MOST_BYTES = 256 << 20  # of an array, unpacked
_LEAST_IMAGES, _MOST_IMAGES = 200, 200_000
_LEAST_SIDE, _MOST_SIDE = 8, 64
_LEAST_OF_A_CLASS, _MOST_CLASSES = 10, 50
_AXES = 3
_DEALT_BY = 20260901
_LEARNING, _VALIDATION = 0.7, 0.1  # the rest is for the test
# NotImplementedError: zipfile does not know the compression. RuntimeError: it wants a password.
_BROKEN = (
    zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError, NotImplementedError,
    RuntimeError,
)  # fmt: skip


class Unusable(Exception):
    """A dataset cannot be used; the message says why."""


class Digits(NamedTuple):
    """Images with values from 0 to 1, and their labels from 0."""

    images: np.ndarray
    labels: np.ndarray

    def __add__(self, other: object) -> "Digits":
        """Return both together."""
        assert isinstance(other, Digits)  # noqa: S101 - tuples would be joined otherwise
        images, labels = zip(self, other)  # noqa: B905 - nodes may have Python 3.10
        return Digits(np.concatenate(images), np.concatenate(labels))


class Dataset(NamedTuple):
    """What was uploaded: images of one byte a pixel, and labels from 0."""

    images: np.ndarray
    labels: np.ndarray

    @property
    def classes(self) -> int:
        """How many labels there are."""
        return int(self.labels.max()) + 1

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return (self.images.shape[1], self.images.shape[2])

    def for_learning(self) -> Digits:
        """Return what networks learn from."""
        return self._dealt(0, _LEARNING)

    def for_choosing(self) -> Digits:
        """Return the validation set, by which settings are compared."""
        return self._dealt(_LEARNING, _LEARNING + _VALIDATION)

    def for_the_test(self) -> Digits:
        """Return the test set. Only the chosen network may see it, once."""
        return self._dealt(_LEARNING + _VALIDATION, 1)

    def _dealt(self, start: float, end: float) -> Digits:
        count = len(self.labels)
        order = np.random.Generator(np.random.PCG64(_DEALT_BY)).permutation(count)
        chosen = order[round(start * count) : round(end * count)]
        return Digits(self.images[chosen].astype(np.float32) / 255, self.labels[chosen])


def read(path: Path) -> Dataset:
    """Read a `.npz` with `images` (bytes, count x height x width) and `labels`. Raises Unusable."""
    try:
        with zipfile.ZipFile(path) as packed:
            images, labels = (_array(packed, name) for name in ("images", "labels"))
    except _BROKEN as error:
        raise Unusable(f"it is not a whole .npz of NumPy: {error}") from error
    if images.dtype != np.uint8 or images.ndim != _AXES:
        raise Unusable(
            f"images have to be bytes, count x height x width, and are {images.dtype}, "
            f"{' x '.join(map(str, images.shape))}"
        )
    if not all(_LEAST_SIDE <= side <= _MOST_SIDE for side in images.shape[1:]):
        raise Unusable(
            f"an image has {images.shape[1]} x {images.shape[2]} pixels, and a side may have "
            f"{_LEAST_SIDE} to {_MOST_SIDE}"
        )
    if not _LEAST_IMAGES <= len(images) <= _MOST_IMAGES:
        raise Unusable(
            f"it has {len(images):,} images, and {_LEAST_IMAGES} to {_MOST_IMAGES:,} can be used"
        )
    return Dataset(images, _labels(labels, len(images)))


def _labels(labels: np.ndarray, images: int) -> np.ndarray:
    if labels.dtype.kind not in "iu" or labels.shape != (images,):
        raise Unusable(
            f"labels have to be {images:,} whole numbers, and are {labels.dtype}, "
            f"{' x '.join(map(str, labels.shape)) or 'one value'}"
        )
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or not 1 <= most < _MOST_CLASSES:
        raise Unusable(
            f"labels go from {least} to {most}; they have to be 0, 1 and so on, at most "
            f"{_MOST_CLASSES - 1}"
        )
    counts = np.bincount(labels.astype(np.int64))
    if counts.min() < _LEAST_OF_A_CLASS:
        raise Unusable(
            f"label {counts.argmin()} has {counts.min()} images, and {_LEAST_OF_A_CLASS} are the "
            "least"
        )
    return labels.astype(np.int32)


def _array(packed: zipfile.ZipFile, name: str) -> np.ndarray:
    """Read an array whose header promises no more than there is; no object is ever unpickled."""
    with packed.open(f"{name}.npy") as file:
        shape, in_columns, kind = _header(file)
        if kind.hasobject:
            raise Unusable(f"{name} has Python objects, which are never read")
        size = math.prod(shape) * kind.itemsize
        if size > _MOST_BYTES:
            raise Unusable(f"{name} has {size >> 20} MiB, and {_MOST_BYTES >> 20} MiB can be read")
        content = file.read(size + 1)
    if len(content) != size:
        raise Unusable(f"{name} does not have the {size:,} bytes that its header says")
    values = np.frombuffer(content, kind)
    return values.reshape(shape[::-1]).T if in_columns else values.reshape(shape)


def _header(file: IO[bytes]) -> "tuple[tuple[int, ...], bool, np.dtype[np.generic]]":
    version = npy.read_magic(file)
    if version not in ((1, 0), (2, 0)):
        raise Unusable(f"its format of arrays is {version[0]}.{version[1]}, and 1.0 or 2.0 is read")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, in_columns, kind = read_header(file)
    if any(side < 0 for side in shape):
        raise Unusable("an array has a negative size")
    return shape, in_columns, kind
