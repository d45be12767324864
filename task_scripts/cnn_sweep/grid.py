"""Settings of trainings: every combination of the rates and widths that a run names."""

import math
from collections.abc import Callable
from typing import NamedTuple, TypeVar

MOST = 200  # settings of a grid
_RATES = (1e-6, 1e6)
_WIDTHS = (1, 128)
_Number = TypeVar("_Number", int, float)


class Unusable(Exception):
    """A grid cannot be used; the message says why."""


class Setting(NamedTuple):
    """How a network is trained; its seed is its own, wherever it is trained."""

    rate: float
    width: int
    seed: int


def settings(rates: str, widths: str, first_seed: int) -> list[Setting]:
    """Return every combination of two lists with commas, rates first. Raises Unusable."""
    found_rates = _values("rates", rates, float, _RATES)
    found_widths = _values("widths", widths, int, _WIDTHS)
    count = len(found_rates) * len(found_widths)
    if count > MOST:
        raise Unusable(f"the grid has {count:,} settings, and {MOST} are the most")
    pairs = [(rate, width) for rate in found_rates for width in found_widths]
    return [Setting(rate, width, first_seed + number) for number, (rate, width) in enumerate(pairs)]


def _values(  # noqa: UP047 - nodes may have Python 3.10
    name: str, text: str, kind: Callable[[str], _Number], bounds: tuple[float, float]
) -> list[_Number]:
    least, most = bounds
    told = f"{name} has to be {'whole ' * (kind is int)}numbers from {least:g} to {most:g}"
    found: list[_Number] = []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            value = kind(part)
        except ValueError as error:
            raise Unusable(f"{told}, with commas between them, and has {part[:40]!r}") from error
        if not (math.isfinite(value) and least <= value <= most):
            raise Unusable(f"{told}, and has {part[:40]}")
        if value in found:
            raise Unusable(f"{name} has {part[:40]} twice")
        found.append(value)
    if not found:
        raise Unusable(f"{name} is empty, so there is nothing to train")
    return found
