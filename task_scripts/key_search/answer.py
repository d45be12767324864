"""Makes the answer of all ranges: the first key that fits, or the proof that none does.

"Not found" is said only if the ranges tile the window without a gap. A window is called a window:
only a search of every key shows that no key fits at all.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:
    from task_scripts.key_search import puzzle as puzzles
else:  # on a node the files are in one folder
    import puzzle as puzzles

_MOST_BYTES = 4 << 10


class Searched(NamedTuple):
    """A range of keys that was tried, from `start` up to `end`, and the hit that ended it."""

    start: int
    end: int
    hit: int | None


def read_ranges(listing: Path) -> list[Searched]:
    """Read what each item searched. Raises Unusable."""
    entries = json.loads(listing.read_bytes())
    return [_range(listing.absolute().parent / entry["file"]) for entry in entries]


def _range(path: Path) -> Searched:
    try:
        with path.open("rb") as file:
            given = json.loads(file.read(_MOST_BYTES))
        found = Searched(given["start"], given["end"], given["hit"])
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise puzzles.Unusable(f"{path.name} does not say what was searched: {error!r}") from error
    numbers = [found.start, found.end, *([] if found.hit is None else [found.hit])]
    if not all(type(number) is int for number in numbers):
        raise puzzles.Unusable(f"{path.name} does not say what was searched")
    return found


def covered(ranges: Iterable[Searched], start: int, end: int) -> int | None:
    """Return the first hit, or None if every key of the window was tried. Raises Unusable."""
    reached = start
    for one in sorted(ranges):
        if one.start > reached:
            break
        if one.start < reached:
            raise puzzles.Unusable(f"keys from {one.start} to {reached} were searched twice")
        if one.hit is not None:
            return one.hit
        reached = one.end
    if reached != end:
        raise puzzles.Unusable(f"keys from {reached} on were not searched: redrive the run")
    return None


def answer(search: puzzles.Search, ranges: Sequence[Searched]) -> dict[str, object]:
    """Say what was found, or that nothing was, and where that holds. Raises Unusable."""
    hit = covered(ranges, search.start, search.end)
    if hit is not None and next(search.puzzle.hits(hit, hit + 1), None) is None:
        raise puzzles.Unusable(f"a range says that key {hit} fits, but its hash does not")
    where = "all keys" if search.is_whole else "the window"
    return {
        "kind": search.kind,
        "window": {"from": search.start, "to": search.end, "is_whole": search.is_whole},
        "verdict": f"not found in {where}" if hit is None else "found",
        "found": None if hit is None else search.puzzle.shown(hit),
        "ranges": len(ranges),
        "tried": sum(one.end - one.start for one in ranges),
    }


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write answer.json. Fails unless what was searched proves the answer."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--puzzle", type=Path, required=True, help="the JSON file")
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        told = answer(puzzles.read(asked.puzzle), read_ranges(asked.parts))
    except puzzles.Unusable as error:
        sys.stderr.write(f"There is no answer: {error}.\n")
        return 1
    text = json.dumps(told, indent=2, ensure_ascii=False)
    (asked.output / "answer.json").write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
