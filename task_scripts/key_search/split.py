"""Cuts the window of a puzzle into ranges of keys, and writes them as `items.json`."""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.key_search import puzzle as puzzles
else:  # on a node the files are in one folder
    import puzzle as puzzles

MOST_RANGES = 1_800  # what an assembler takes


def ranges(start: int, end: int, count: int) -> Iterator[tuple[int, int]]:
    """Yield `count` ranges that tile a window; their sizes differ by one at most."""
    count = min(count, end - start)
    bounds = [start + (end - start) * number // count for number in range(count + 1)]
    yield from zip(bounds, bounds[1:])  # noqa: B905, RUF007 - nodes may have Python 3.10


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write items.json for the window of a puzzle."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--puzzle", type=Path, required=True, help="the JSON file")
    parser.add_argument("--ranges", type=int, default=64, help="how many ranges to make")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    if not 1 <= asked.ranges <= MOST_RANGES:
        parser.error(f"--ranges has to be from 1 to {MOST_RANGES}")
    try:
        search = puzzles.read(asked.puzzle)
    except puzzles.Unusable as error:
        sys.stderr.write(f"The puzzle was refused: {error}.\n")
        return 1
    items = [
        {"parameters": {"start": start, "end": end}}
        for start, end in ranges(search.start, search.end, asked.ranges)
    ]
    (asked.output / "items.json").write_text(json.dumps(items), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
