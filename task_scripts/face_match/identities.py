"""Decides which faces belong to one person: every two of them have to be close."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.face_match import faces
else:  # on a node the files are in one folder
    import faces

MOST = 2000  # faces of a run


def distances(descriptors: Sequence[Sequence[float]]) -> np.ndarray:
    """Return how far each face is from each other one, symmetric. Raises Unusable."""
    if len(descriptors) > MOST:
        raise faces.Unusable(f"there are {len(descriptors):,} faces, and {MOST:,} can be compared")
    points = np.array(descriptors, float)
    rows = [np.sqrt(((points - point) ** 2).sum(1)) for point in points]
    return np.array(rows)


def grouped(apart: np.ndarray, threshold: float) -> list[list[int]]:
    """Join faces, the closest first, while all of a group are within the threshold.

    A chain of similar faces does not become one person. Groups come in the order of their first
    faces.
    """
    groups = {number: [number] for number in range(len(apart))}
    between = apart.copy()
    np.fill_diagonal(between, np.inf)
    while len(groups) > 1:
        one, other = divmod(int(between.argmin()), len(apart))
        if between[one, other] > threshold:
            break
        keep, drop = min(one, other), max(one, other)
        groups[keep] = sorted(groups[keep] + groups.pop(drop))
        farthest = np.maximum(between[keep], between[drop])
        between[keep], between[:, keep] = farthest, farthest
        between[drop], between[:, drop], between[keep, keep] = np.inf, np.inf, np.inf
    return sorted(groups.values())
