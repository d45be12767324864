"""The baseline: an image has the label that most of its nearest neighbours have."""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.cnn_sweep.datasets import Digits
else:  # on a node the files are in one folder
    from datasets import Digits

_COUNTS = (1, 3, 5)
_AT_ONCE = 256  # images, so that their distances fit the memory


class Baseline(NamedTuple):
    """How many neighbours are asked, and the share of the test set that they label rightly."""

    neighbours: int
    accuracy: float


def baseline(learning: Digits, validation: Digits, test: Digits) -> Baseline:
    """Choose the number of neighbours as networks are chosen, and use all images but the test's."""
    best = max(_COUNTS, key=lambda count: accuracy(learning, validation, count))
    return Baseline(best, accuracy(learning + validation, test, best))


def accuracy(known: Digits, asked: Digits, neighbours: int) -> float:
    """Return the share of images whose nearest neighbours have their label."""
    held = known.images.reshape(len(known.labels), -1)
    squares, classes = (held * held).sum(1), int(known.labels.max()) + 1
    right = 0
    for start in range(0, len(asked.labels), _AT_ONCE):
        rows = asked.images[start : start + _AT_ONCE]
        apart = squares - 2 * rows.reshape(len(rows), -1) @ held.T  # without the row's own square
        nearest = np.argsort(apart, axis=1, kind="stable")[:, :neighbours]
        votes = [np.bincount(row, minlength=classes).argmax() for row in known.labels[nearest]]
        right += int((np.array(votes) == asked.labels[start : start + _AT_ONCE]).sum())
    return right / len(asked.labels)
