"""Plates under tension: with a hole in the middle, or NAFEMS LE1; what handbooks say of them."""

import csv
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

_MOST_BYTES = 1 << 20
_LONGEST_NAME = 60
_LEAST, _MOST = 0.02, 0.8  # of the diameter over the width, for which meshes are good
HOLE, LE1 = "hole", "nafems-le1"
# NAFEMS, The Standard NAFEMS Benchmarks (1990), LE1: 92.7 MPa at D under 10 MPa.
LE1_FACTOR = 92.7 / 10


class Unusable(Exception):
    """A table cannot be used; the message says why."""


class Plate(NamedTuple):
    """A plate and its tension in MPa.

    One with a hole is three times as long as wide, in mm. NAFEMS LE1 has one size, and no lengths
    here.
    """

    name: str
    shape: str
    width: float | None
    diameter: float | None
    tension: float

    @property
    def ratio(self) -> float | None:
        """The diameter over the width, of a plate with a hole."""
        return self.diameter / self.width if self.diameter and self.width else None


class Solved(NamedTuple):
    """The highest stress of a plate in MPa, and how many unknowns its model had."""

    plate: Plate
    highest: float
    unknowns: int

    @property
    def factor(self) -> float:
        """The highest stress over the tension: the gross stress concentration."""
        return self.highest / self.plate.tension

    @property
    def expected(self) -> float:
        """The factor that handbooks give: Peterson's for a hole, NAFEMS's for LE1."""
        ratio = self.plate.ratio
        return LE1_FACTOR if ratio is None else peterson(ratio)


def peterson(ratio: float) -> float:
    """Return the gross stress concentration by Peterson's curve (after Howland)."""
    rest = 1 - ratio
    return 0.284 + 2 / rest - 0.600 * rest + 1.32 * rest**2


def read_plates(path: Path) -> list[Plate]:
    """Read a CSV with the columns name, shape, width, diameter, tension. Raises Unusable.

    Without a shape a plate has a hole.
    """
    return [_plate(row, line) for line, row in _rows(path)]


def read_solved(path: Path) -> list[Solved]:
    """Read what `write_solved` wrote. Raises Unusable."""
    return [
        Solved(
            _plate(row, line),
            _number(row, "highest", line),
            int(_number(row, "unknowns", line)),
        )
        for line, row in _rows(path)
    ]


def write_solved(path: Path, solved: Iterable[Solved]) -> None:
    """Write a line for each plate."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*Plate._fields, "highest", "unknowns"])
        for one in solved:
            writer.writerow([*one.plate, round(one.highest, 6), one.unknowns])


def _plate(row: Mapping[str | None, object], line: int) -> Plate:
    name, tension = _name(row, line), _number(row, "tension", line)
    shape = str(row.get("shape") or "").strip() or HOLE
    if shape == LE1:
        given = [key for key in ("width", "diameter") if str(row.get(key) or "").strip()]
        if given:
            raise Unusable(f"line {line}: {LE1} has a size of its own: leave {given[0]} empty")
        return Plate(name, shape, None, None, tension)
    if shape != HOLE:
        raise Unusable(f"line {line}: the shape has to be {HOLE} or {LE1}")
    width, diameter = _number(row, "width", line), _number(row, "diameter", line)
    if not _LEAST <= diameter / width <= _MOST:
        raise Unusable(f"line {line}: the diameter has to be {_LEAST:g} to {_MOST:g} of the width")
    return Plate(name, shape, width, diameter, tension)


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
