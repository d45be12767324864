"""Dated prices, and assumptions with their sources, as ranges from low to high."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from pipeline.domain.definitions.types import Strict

_FRESH = timedelta(days=180)


@dataclass(frozen=True)
class Range:
    """The two ends of what is plausible; they are equal if something is known."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        """Add end to end."""
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, other: "Range | float") -> "Range":
        """Multiply end by end; ends are never negative."""
        by = other if isinstance(other, Range) else exactly(other)
        return Range(self.low * by.low, self.high * by.high)


def exactly(amount: float) -> Range:
    """Return the range of an amount that is known."""
    return Range(amount, amount)


class Meter(Strict):
    """A price, its source, and how certain it is."""

    price: float = Field(ge=0)
    low: float | None = Field(default=None, ge=0)  # the lowest price that the sources name
    per: int = Field(gt=0)
    unit: str
    free: float = Field(default=0, ge=0)  # per month, shared with all else in the subscription
    source: str
    date: date
    confidence: Literal["documented", "quoted", "weak"]

    @property
    def least(self) -> float:
        """The lowest price that the sources name."""
        return self.price if self.low is None else self.low

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.least > self.price:
            raise ValueError("low must be at most price")
        return self


class Assumption(Strict):
    """What is assumed where nothing was measured, and why."""

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    unit: str
    what: str
    source: str

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError("low must be at most high")
        return self


class Prices(Strict):
    """The price file."""

    currency: str
    meters: dict[str, Meter]
    assumptions: dict[str, Assumption]

    def assumed(self, name: str) -> Range:
        """Return the range of an assumption. Raises KeyError."""
        found = self.assumptions[name]
        return Range(found.low, found.high)

    def of(self, meter: str, amount: Range) -> Range:
        """Return the cost of an amount of a meter. Raises KeyError."""
        found = self.meters[meter]
        return Range(amount.low * found.least / found.per, amount.high * found.price / found.per)

    def of_month(self, meter: str, amount: Range) -> Range:
        """Return the cost of a month's amount. Raises KeyError.

        The low end has the free grant, the high end has not: other apps use it up.
        """
        beyond = max(0.0, amount.low - self.meters[meter].free)
        return self.of(meter, Range(beyond, amount.high))

    def old(self, today: date) -> list[str]:
        """Name the meters whose price may have changed since it was noted, oldest first."""
        aged = [(meter.date, name) for name, meter in self.meters.items()]
        return [name for noted, name in sorted(aged) if today - noted > _FRESH]
