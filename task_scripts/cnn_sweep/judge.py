"""Ranks the trainings, and lets the best one see the test set, once.

Writes `leaderboard.csv`, `curves.svg`, `best.json` and the weights `best.npz`. The validation set
decides which training is best; no other one is ever tested.
"""

import argparse
import csv
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.cnn_sweep import curves, datasets, neighbours, network
else:  # on a node the files are in one folder
    import curves
    import datasets
    import neighbours
    import network

_COLUMNS = (
    "rank", "item", "rate", "width", "seed", "epochs", "training_loss", "validation_loss",
    "validation_accuracy",
)  # fmt: skip


class Training(NamedTuple):
    """What an item left: its setting, its epochs and the file of its weights."""

    item: int
    rate: float
    width: int
    seed: int
    epochs: Sequence[network.Epoch]
    weights: Path

    @property
    def last(self) -> network.Epoch:
        """How it stood in the end."""
        return self.epochs[-1]

    @property
    def name(self) -> str:
        """What it is called in the chart."""
        return f"{self.rate:g}, {self.width} wide: {100 * self.last.validation_accuracy:.1f} %"


def ranked(listing: Path) -> list[Training]:
    """Read all trainings, the best by validation first. Raises Unusable."""
    folder = listing.absolute().parent
    files: dict[int, dict[str, Path]] = {}
    for entry in json.loads(listing.read_bytes()):
        files.setdefault(entry["item"], {})[entry["name"]] = folder / entry["file"]
    if not files:
        raise datasets.Unusable("no training came to its end")
    found = [_training(item, parts) for item, parts in files.items()]
    return sorted(
        found, key=lambda one: (-one.last.validation_accuracy, one.last.validation_loss, one.item)
    )


def _training(item: int, parts: Mapping[str, Path]) -> Training:
    told = json.loads(parts["result.json"].read_bytes())
    epochs = [network.Epoch(**epoch) for epoch in told["epochs"]]
    setting = told["rate"], told["width"], told["seed"]
    return Training(item, *setting, epochs, parts["weights.npz"])


def judged(best: Training, dataset: datasets.Dataset) -> dict[str, object]:
    """Test the best network on what no training has seen, and neighbours on the same."""
    learning, validation = dataset.for_learning(), dataset.for_choosing()
    test = dataset.for_the_test()
    with np.load(best.weights, allow_pickle=False) as weights:
        _, accuracy = network.standing(dict(weights), test)
    nearest = neighbours.baseline(learning, validation, test)
    parts = {"learning": learning, "validation": validation, "test": test}
    return {
        "setting": {"rate": best.rate, "width": best.width, "seed": best.seed},
        "validation_accuracy": round(best.last.validation_accuracy, 6),
        "test_accuracy": round(accuracy, 6),
        "nearest_neighbours": {"count": nearest.neighbours, "accuracy": round(nearest.accuracy, 6)},
        "beats_nearest_neighbours": accuracy > nearest.accuracy,
        "images": {name: len(part.labels) for name, part in parts.items()},
    }


def write_table(path: Path, order: Sequence[Training]) -> None:
    """Write the leaderboard: a line for each training, the best first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for rank, one in enumerate(order, 1):
            figures = [f"{value:.4f}" for value in one.last[1:]]
            setting = (f"{one.rate:g}", one.width, one.seed)
            writer.writerow([rank, one.item, *setting, len(one.epochs), *figures])


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the leaderboard, the chart, and what became of the best network."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--digits", type=Path, required=True, help="a .npz of images and labels")
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        network.check_device()
        order = ranked(asked.parts)
        told = judged(order[0], datasets.read(asked.digits))
    except (datasets.Unusable, network.NoDevice) as error:
        sys.stderr.write(f"There is no best network: {error}.\n")
        return 1
    write_table(asked.output / "leaderboard.csv", order)
    lines = [
        curves.Curve(
            one.name,
            [epoch.training_loss for epoch in one.epochs],
            [epoch.validation_loss for epoch in one.epochs],
        )
        for one in order
    ]
    (asked.output / "curves.svg").write_text(curves.drawn(lines), encoding="utf-8")
    best = json.dumps({**told, "trainings": len(order)}, indent=1)
    (asked.output / "best.json").write_text(f"{best}\n", encoding="utf-8")
    shutil.copyfile(order[0].weights, asked.output / "best.npz")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
