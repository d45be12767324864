"""Checks the dataset and the grid, and writes an item for each setting into `items.json`."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.cnn_sweep import datasets, grid
else:  # on a node the files are in one folder
    import datasets
    import grid


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write items.json. Fails before any training if the dataset or the grid cannot be used."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--digits", type=Path, required=True, help="a .npz of images and labels")
    parser.add_argument("--rates", required=True, help="learning rates, with commas between them")
    parser.add_argument("--widths", required=True, help="channels of the first layer, likewise")
    parser.add_argument("--first-seed", type=int, required=True, help="the first setting's seed")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        found = grid.settings(asked.rates, asked.widths, asked.first_seed)
        datasets.read(asked.digits)
    except grid.Unusable as error:
        sys.stderr.write(f"The grid was refused: {error}.\n")
        return 1
    except datasets.Unusable as error:
        sys.stderr.write(f"The dataset was refused: {error}.\n")
        return 1
    items = [{"parameters": setting._asdict()} for setting in found]
    (asked.output / "items.json").write_text(json.dumps(items), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
