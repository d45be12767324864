"""Trains a network with one setting, and writes its learning curve and its weights.

It never sees an image of the test set.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING or __package__:
    from task_scripts.cnn_sweep import datasets, network
else:  # on a node the files are in one folder
    import datasets
    import network


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write result.json and weights.npz. Fails if the training diverges."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--digits", type=Path, required=True, help="a .npz of images and labels")
    parser.add_argument("--rate", type=float, required=True, help="how far a step goes")
    parser.add_argument("--width", type=int, required=True, help="channels of the first layer")
    parser.add_argument("--seed", type=int, required=True, help="of weights and order")
    parser.add_argument("--epochs", type=int, required=True, help="passes over the images")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    setting = {"rate": asked.rate, "width": asked.width, "seed": asked.seed}
    try:
        network.check_device()
        dataset = datasets.read(asked.digits)
        weights = network.begun(asked.seed, dataset.size, asked.width, dataset.classes)
        epochs = []
        for epoch, learnt in network.trained(
            weights, dataset.for_learning(), dataset.for_choosing(),
            rate=asked.rate, seed=asked.seed, epochs=asked.epochs,
        ):  # fmt: skip
            weights = learnt
            epochs.append(epoch._asdict())
            sys.stdout.write(f"{json.dumps(epochs[-1])}\n")
    except (datasets.Unusable, network.NoDevice) as error:
        sys.stderr.write(f"Nothing was trained: {error}.\n")
        return 1
    except network.Diverged as error:
        told = ", ".join(f"{name} {value:g}" for name, value in setting.items())
        sys.stderr.write(f"The training with {told} diverged: {error}. Take a lower rate.\n")
        return 1
    result = json.dumps({**setting, "epochs": epochs})
    (asked.output / "result.json").write_text(result, encoding="utf-8")
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    np.savez(asked.output / "weights.npz", **arrays)  # type: ignore[arg-type] # no name is an option
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
