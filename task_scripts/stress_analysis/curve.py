"""Collects the highest stresses of all plates, and draws their concentration over the hole's size.

Writes `envelope.csv`, with the handbook's value beside each, and `curve.svg`.
"""

import argparse
import csv
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.stress_analysis import plates
else:  # on a node the files are in one folder
    import plates

_COLUMNS = (
    "name", "shape", "ratio", "tension", "highest", "factor", "expected", "percent_off", "unknowns",
)  # fmt: skip
_WIDTH, _HEIGHT, _MARGIN = 640, 360, 48
_STEPS = 60  # of Peterson's curve
_TICKS = 5


def collected(listing: Path) -> list[plates.Solved]:
    """Read all parts, smallest hole first, then plates of other shapes. Raises Unusable."""
    entries = json.loads(listing.read_bytes())
    folder = listing.absolute().parent
    found = [one for entry in entries for one in plates.read_solved(folder / entry["file"])]
    if not found:
        raise plates.Unusable("no plate was solved")
    return sorted(found, key=lambda one: (one.plate.ratio or math.inf, one.plate.name))


def write_table(path: Path, solved: Sequence[plates.Solved]) -> None:
    """Write the envelope: a line for each plate."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        for one in solved:
            plate, expected = one.plate, one.expected
            off = f"{(one.factor / expected - 1) * 100:.2f}"
            ratio = "" if plate.ratio is None else f"{plate.ratio:.4g}"
            row = [f"{value:.4f}" for value in (one.highest, one.factor, expected)]
            writer.writerow([plate.name, plate.shape, ratio, f"{plate.tension:g}", *row, off,
                             one.unknowns])  # fmt: skip


def drawn(solved: Sequence[plates.Solved]) -> str:
    """Draw the concentration of each plate with a hole as a dot, and Peterson's as a line."""
    holes = [(one.plate.ratio, one.factor) for one in solved if one.plate.ratio is not None]
    right_end = max([0.1, *(ratio for ratio, _ in holes)]) * 1.05
    curve = [right_end * step / _STEPS for step in range(1, _STEPS + 1)]
    line = [(ratio, plates.peterson(ratio)) for ratio in curve]
    top = max(factor for _, factor in (*holes, *line))

    def across(ratio: float) -> float:
        return _MARGIN + ratio / right_end * (_WIDTH - _MARGIN - 16)

    def upward(factor: float) -> float:
        return _HEIGHT - _MARGIN - (factor - 2) / (top - 2) * (_HEIGHT - _MARGIN - 16)

    points = " ".join(f"{across(ratio):.1f},{upward(factor):.1f}" for ratio, factor in line)
    dots = [
        f'<circle cx="{across(ratio):.1f}" cy="{upward(factor):.1f}" r="4" fill="#c2571a"/>'
        for ratio, factor in holes
    ]
    parts = [
        *_axes(right_end, top, across, upward),
        f'<polyline points="{points}" fill="none" stroke="#1b6ca8" stroke-width="1.5"/>', *dots,
    ]  # fmt: skip
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>\n' + "\n".join(parts) + "\n"
        "</svg>\n"
    )


def _axes(
    right_end: float, top: float, across: Callable[[float], float], upward: Callable[[float], float]
) -> Iterator[str]:
    for number in range(_TICKS + 1):
        ratio, factor = right_end * number / _TICKS, 2 + (top - 2) * number / _TICKS
        yield f'<path d="M{_MARGIN} {upward(factor):.1f}H{_WIDTH - 16}" stroke="#ddd"/>'
        yield f'<text x="8" y="{upward(factor) + 4:.1f}">{factor:.2f}</text>'
        yield f'<text x="{across(ratio) - 10:.1f}" y="{_HEIGHT - 28}">{ratio:.2f}</text>'
    title = "diameter over width; dots: highest stress over tension, line: Peterson"
    yield f'<text x="{_MARGIN}" y="{_HEIGHT - 8}">{title}</text>'


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the envelope and the curve."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    try:
        solved = collected(asked.parts)
    except plates.Unusable as error:
        sys.stderr.write(f"There is no curve: {error}.\n")
        return 1
    write_table(asked.output / "envelope.csv", solved)
    (asked.output / "curve.svg").write_text(drawn(solved), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
