"""Searches one range of keys, and stops at the first hit.

Writes `range.json`: the range, the key after the last one that was tried, and the hit or null.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.key_search import puzzle as puzzles
else:  # on a node the files are in one folder
    import puzzle as puzzles


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write what was searched of a range, and what was found in it."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--puzzle", type=Path, required=True, help="the JSON file")
    parser.add_argument("--start", type=int, required=True, help="the first key")
    parser.add_argument("--end", type=int, required=True, help="the key after the last one")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        search = puzzles.read(asked.puzzle)
        if not search.start <= asked.start < asked.end <= search.end:
            raise puzzles.Unusable("the range does not lie in the puzzle's window")  # noqa: TRY301 - one way out
    except puzzles.Unusable as error:
        sys.stderr.write(f"Keys {asked.start} to {asked.end} were not searched: {error}.\n")
        return 1
    hit = next(search.puzzle.hits(asked.start, asked.end), None)
    tried = asked.end if hit is None else hit + 1
    found = {"start": asked.start, "end": tried, "hit": hit}
    (asked.output / "range.json").write_text(json.dumps(found) + "\n", encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
