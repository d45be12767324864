"""Reduces the JSON objects of many items to one, field by field, in item order.

The same parts in the same order give the same bits, however they were bundled into tasks.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from pipeline.domain.definitions.stages import Reduction
from pipeline.domain.outputs.concatenate import AssembleError
from pipeline.domain.texts.strict_json import Json

LARGEST = 1e150  # its square is still a finite double


class _Reducer(Protocol):
    def add(self, value: Json) -> None: ...

    def result(self) -> Json: ...


def reduce_parts(
    fields: Mapping[str, Reduction], parts: Iterable[tuple[str, Json]]
) -> dict[str, Json]:
    """Reduce the parts; each has a label for errors. Raises AssembleError with label and field."""
    reducers = {name: _REDUCERS[reduction]() for name, reduction in fields.items()}
    label = ""
    for label, part in parts:
        if not isinstance(part, Mapping):
            raise AssembleError(f"{label}: it is not a JSON object")
        for name, reducer in reducers.items():
            _add(reducer, name, label, part)
    if not label:
        raise AssembleError("there are no parts to reduce")
    return {name: _result(reducer, name) for name, reducer in reducers.items()}


def _add(reducer: _Reducer, name: str, label: str, part: Mapping[str, Json]) -> None:
    if name not in part:
        raise AssembleError(f"{label}: it has no field {name!r}")
    try:
        reducer.add(part[name])
    except ValueError as error:
        raise AssembleError(f"{label}, field {name!r}: {error}") from error


def _result(reducer: _Reducer, name: str) -> Json:
    try:
        return reducer.result()
    except ValueError as error:
        raise AssembleError(f"field {name!r}: {error}") from error


def _number(value: Json) -> int | float:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -LARGEST <= value <= LARGEST
    ):
        return value
    raise ValueError(f"{repr(value)[:60]} is not a finite number up to ±{LARGEST:g}")


@dataclass(slots=True)
class _Total:
    """The sum of numbers; whole numbers stay exact."""

    whole: int = 0
    fractions: list[float] = field(default_factory=list)

    def add(self, value: Json) -> None:
        number = _number(value)
        if isinstance(number, int):
            self.whole += number
        else:
            self.fractions.append(number)

    def result(self) -> Json:
        # fsum rounds once, so the order of the parts has no effect.
        return math.fsum([self.whole, *self.fractions]) if self.fractions else self.whole


@dataclass(slots=True)
class _Sum:
    """The sum of numbers, or of dictionaries key by key, to any depth."""

    total: _Total | None = None
    by_key: dict[str, "_Sum"] | None = None

    def add(self, value: Json) -> None:
        if isinstance(value, dict):
            if self.total is not None:
                raise ValueError("it is a dictionary, but parts before it have a number there")
            self._add_keys(value)
        elif self.by_key is not None:
            raise ValueError("it is not a dictionary, but parts before it have one there")
        else:
            self.total = self.total or _Total()
            self.total.add(value)

    def _add_keys(self, value: dict[str, Json]) -> None:
        self.by_key = self.by_key if self.by_key is not None else {}
        for key, inner in value.items():
            try:
                self.by_key.setdefault(key, _Sum()).add(inner)
            except ValueError as error:
                raise ValueError(f"key {key[:60]!r}: {error}") from error

    def result(self) -> Json:
        if self.by_key is not None:
            return {key: inner.result() for key, inner in self.by_key.items()}
        return self.total.result() if self.total else 0


@dataclass(slots=True)
class _Least:
    least: int | float | None = None

    def add(self, value: Json) -> None:
        number = _number(value)
        self.least = number if self.least is None else min(self.least, number)

    def result(self) -> Json:
        return self.least


@dataclass(slots=True)
class _Greatest:
    greatest: int | float | None = None

    def add(self, value: Json) -> None:
        number = _number(value)
        self.greatest = number if self.greatest is None else max(self.greatest, number)

    def result(self) -> Json:
        return self.greatest


@dataclass(slots=True)
class _Count:
    counted: int = 0

    def add(self, value: Json) -> None:
        self.counted += value is not None

    def result(self) -> Json:
        return self.counted


@dataclass(slots=True)
class _List:
    values: list[Json] = field(default_factory=list)

    def add(self, value: Json) -> None:
        self.values.append(value)

    def result(self) -> Json:
        return self.values


@dataclass(slots=True)
class _First:
    values: list[Json] = field(default_factory=list)

    def add(self, value: Json) -> None:
        if not self.values:
            self.values.append(value)

    def result(self) -> Json:
        return self.values[0]


@dataclass(slots=True)
class _Moments:
    """Pools count, mean and sum of squared deviations by Chan's formula."""

    n: int = 0
    mean: float = 0.0
    m2: float = 0.0

    def add(self, value: Json) -> None:
        n, mean, m2 = _moments(value)
        total = self.n + n
        if total == 0:
            return
        delta = mean - self.mean
        self.mean += delta * n / total
        self.m2 += m2 + delta * delta * self.n * n / total
        self.n = total
        if not (math.isfinite(self.mean) and math.isfinite(self.m2)):
            raise ValueError("the pooled moments are too large for doubles")

    def result(self) -> Json:
        variance = self.m2 / (self.n - 1) if self.n > 1 else None
        error = math.sqrt(variance / self.n) if variance is not None else None
        return {
            "n": self.n,
            "mean": self.mean if self.n else None,
            "m2": self.m2,
            "variance": variance,
            "standard_error": error,
        }


def _moments(value: Json) -> tuple[int, float, float]:
    if not isinstance(value, Mapping):
        return 1, float(_number(value)), 0.0
    if not {"n", "mean", "m2"} <= set(value):
        raise ValueError("moments need n, mean and m2")
    n, mean, m2 = (_number(value[key]) for key in ("n", "mean", "m2"))
    if not isinstance(n, int) or n < 0 or m2 < 0:
        raise ValueError("n must be a whole number, and n and m2 must not be negative")
    return n, float(mean), float(m2)


_REDUCERS: dict[Reduction, type[_Reducer]] = {
    Reduction.SUM: _Sum,
    Reduction.MIN: _Least,
    Reduction.MAX: _Greatest,
    Reduction.COUNT: _Count,
    Reduction.LIST: _List,
    Reduction.FIRST: _First,
    Reduction.MOMENTS: _Moments,
}
