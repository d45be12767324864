"""Random paths in blocks of a fixed size, each with a stream of its own.

A path's numbers depend on the seed and on the path's number, never on how paths were divided.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    Values = np.typing.NDArray[np.float64]

BLOCK = 4096
_EUROPEAN, _AMERICAN, _TRAINING = range(3)


def _normal(seed: int, key: tuple[int, ...], shape: tuple[int, ...]) -> "Values":
    sequence = np.random.SeedSequence(seed, spawn_key=key)
    return np.random.Generator(np.random.PCG64(sequence)).standard_normal(shape)


def pieces(start: int, end: int) -> Iterator[tuple[int, slice]]:
    """Yield the blocks that have the paths from `start` up to `end`, and which of their paths."""
    for block in range(start // BLOCK, -(-end // BLOCK)):
        first = block * BLOCK
        yield block, slice(max(start - first, 0), min(end - first, BLOCK))


def final(seed: int, block: int) -> "Values":
    """Draw one normal number for each path of a block: where it ends."""
    return _normal(seed, (_EUROPEAN, block), (BLOCK,))


def steps(seed: int, block: int, dates: int) -> "Values":
    """Draw a normal number for each step of each path of a block: dates by paths."""
    return _normal(seed, (_AMERICAN, block), (dates, BLOCK))


def training(seed: int, paths: int, dates: int) -> "Values":
    """Draw the steps of other paths, on which a strategy of exercise is fitted."""
    return _normal(seed, (_TRAINING,), (dates, paths))
