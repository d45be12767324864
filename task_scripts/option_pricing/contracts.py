"""Options on a share that moves as a geometric Brownian motion, and tables of them."""

import csv
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

EUROPEAN_CALL, EUROPEAN_PUT, AMERICAN_PUT = "european-call", "european-put", "american-put"
KINDS = (EUROPEAN_CALL, EUROPEAN_PUT, AMERICAN_PUT)
MOST = 200
_MOST_BYTES = 1 << 20
_NAME = re.compile(r"\w[\w. -]{0,59}")  # nothing that a spreadsheet takes for a formula
_NUMBERS = ("spot", "strike", "rate", "sigma", "maturity")
_BOUNDS = {
    "spot": (1e-4, 1e9), "strike": (1e-4, 1e9), "rate": (-1.0, 1.0), "sigma": (1e-4, 5.0),
    "maturity": (1e-4, 100.0),
}  # fmt: skip


class Unusable(Exception):
    """Contracts, or what was simulated of them, cannot be used; the message says why."""


class Contract(NamedTuple):
    """An option; rates are a year, times in years. An American put has 50 dates of exercise."""

    name: str
    kind: str
    spot: float
    strike: float
    rate: float
    sigma: float
    maturity: float


def read(path: Path) -> list[Contract]:
    """Read a CSV with the columns name, kind, spot, strike, rate, sigma, maturity.

    Raises Unusable with the line.
    """
    if path.stat().st_size > _MOST_BYTES:
        raise Unusable(f"the table has more than {_MOST_BYTES >> 10} KiB")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            found = [_contract(row, reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise Unusable(f"the table is not a CSV in UTF-8: {error}") from error
    if not 1 <= len(found) <= MOST:
        raise Unusable(f"the table has {len(found)} contracts, and 1 to {MOST} can be priced")
    names = [contract.name for contract in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise Unusable(f"two contracts are called {twice!r}")
    return found


def _contract(row: Mapping[str | None, object], line: int) -> Contract:
    missing = [name for name in Contract._fields if not isinstance(row.get(name), str)]
    if missing:
        raise Unusable(f"line {line} has no {missing[0]!r}")
    given = {name: str(row[name]).strip() for name in Contract._fields}
    try:
        return checked(given["name"], given["kind"], [float(given[name]) for name in _NUMBERS])
    except ValueError as error:
        raise Unusable(f"line {line}: {error}") from error


def checked(name: str, kind: str, numbers: Sequence[float]) -> Contract:
    """Return a contract of five numbers, from spot to maturity. Raises ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError("a name has 1 to 60 letters, digits, dots, dashes and spaces")
    if kind not in KINDS:
        raise ValueError(f"{kind[:40]!r} is not one of {', '.join(KINDS)}")
    for field, value in zip(_NUMBERS, numbers):  # noqa: B905 - nodes may have Python 3.10
        least, most = _BOUNDS[field]
        if not (math.isfinite(value) and least <= value <= most):
            raise ValueError(f"{field} has to be a number from {least:g} to {most:g}")
    return Contract(name, kind, *numbers)
