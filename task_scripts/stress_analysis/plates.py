"""Plates with a hole in the middle, under tension, and what handbooks say of them."""

import csv
import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

_MOST_BYTES = 1 << 20
_LONGEST_NAME = 60
_LEAST, _MOST = 0.02, 0.8  # of the diameter over the width, for which meshes are good


class Unusable(Exception):
    """A table cannot be used; the message says why."""


class Plate(NamedTuple):
    """A plate three times as long as wide; lengths in mm, stress in MPa."""

    name: str
    width: float
    diameter: float
    tension: float

    @property
    def ratio(self) -> float:
        """The diameter over the width."""
        return self.diameter / self.width


class Solved(NamedTuple):
    """The highest stress of a plate in MPa, and how many unknowns its model had."""

    name: str
    width: float
    diameter: float
    tension: float
    highest: float
    unknowns: int

    @property
    def ratio(self) -> float:
        """The diameter over the width."""
        return self.diameter / self.width

    @property
    def factor(self) -> float:
        """The highest stress over the tension far away: the gross stress concentration."""
        return self.highest / self.tension


def peterson(ratio: float) -> float:
    """Return the gross stress concentration by Peterson's curve (after Howland)."""
    rest = 1 - ratio
    return 0.284 + 2 / rest - 0.600 * rest + 1.32 * rest**2


def read_plates(path: Path) -> list[Plate]:
    """Read a CSV with the columns name, width, diameter, tension. Raises Unusable."""
    found = []
    for line, row in _rows(path):
        plate = Plate(_name(row, line), *(_number(row, key, line) for key in Plate._fields[1:]))
        if not _LEAST <= plate.ratio <= _MOST:
            raise Unusable(
                f"line {line}: the diameter has to be {_LEAST:g} to {_MOST:g} of the width"
            )
        found.append(plate)
    return found


def read_solved(path: Path) -> list[Solved]:
    """Read what `solve.py` wrote. Raises Unusable."""
    return [_solved(row, line) for line, row in _rows(path)]


def _solved(row: Mapping[str | None, object], line: int) -> Solved:
    width, diameter, tension, stress = (_number(row, key, line) for key in Solved._fields[1:5])
    unknowns = int(_number(row, "unknowns", line))
    return Solved(_name(row, line), width, diameter, tension, stress, unknowns)


def _rows(path: Path) -> list[tuple[int, Mapping[str | None, object]]]:
    if path.stat().st_size > _MOST_BYTES:
        raise Unusable(f"the table has more than {_MOST_BYTES >> 10} KiB")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            return [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unusable(f"the table is not a CSV in UTF-8: {error}") from error


def _name(row: Mapping[str | None, object], line: int) -> str:
    name = str(row.get("name") or "").strip()
    if not 1 <= len(name) <= _LONGEST_NAME or not name[0].isalnum() or not name.isprintable():
        raise Unusable(f"line {line}: a name begins with a letter or digit, and has at most "
                       f"{_LONGEST_NAME} characters")  # fmt: skip
    return name


def _number(row: Mapping[str | None, object], key: str, line: int) -> float:
    try:
        value = float(str(row.get(key)))
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise Unusable(f"line {line}: {key} has to be a number above 0")
    return value
