"""Reduces the JSON objects of many items to one, field by field, in item order.

The same parts in the same order give the same bits, however they were bundled into tasks.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self, cast

from pipeline.domain.definitions.stages import Reduction
from pipeline.domain.outputs.concatenate import AssembleError
from pipeline.domain.texts.strict_json import Json

_FRACTIONS = 100  # that are held before they become few
LARGEST = 1e150  # its square is still a finite double


class _Reducer(Protocol):
    def add(self, value: Json) -> None: ...

    def result(self) -> Json: ...

    @property
    def kept(self) -> Json: ...

    @classmethod
    def of(cls, kept: Json) -> Self: ...


class Reducing:
    """Parts being reduced, one after another; what is `kept` of them is enough to go on."""

    def __init__(self, fields: Mapping[str, Reduction], kept: bytes = b"") -> None:
        self._parts = 0
        self._reducers = {name: _REDUCERS[reduction]() for name, reduction in fields.items()}
        if kept:
            self._parts, found = json.loads(kept)
            for name, reducer in self._reducers.items():
                self._reducers[name] = reducer.of(found[name])

    def add(self, label: str, part: Json) -> None:
        """Take the next part. Raises AssembleError with its label, and the field."""
        if not isinstance(part, Mapping):
            raise AssembleError(f"{label}: it is not a JSON object")
        for name, reducer in self._reducers.items():
            _add(reducer, name, label, part)
        self._parts += 1

    @property
    def kept(self) -> bytes:
        """What to keep in order to go on, in bytes that grow only with what the result lists."""
        fields = {name: reducer.kept for name, reducer in self._reducers.items()}
        return json.dumps([self._parts, fields]).encode()

    def result(self) -> dict[str, Json]:
        """Return what the parts become. Raises AssembleError."""
        if not self._parts:
            raise AssembleError("there are no parts to reduce")
        return {name: _result(reducer, name) for name, reducer in self._reducers.items()}


def reduce_parts(
    fields: Mapping[str, Reduction], parts: Iterable[tuple[str, Json]]
) -> dict[str, Json]:
    """Reduce the parts; each has a label for errors. Raises AssembleError with label and field."""
    reducing = Reducing(fields)
    for label, part in parts:
        reducing.add(label, part)
    return reducing.result()


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
    """The sum of numbers; whole numbers stay exact, and so do fractions until the end."""

    whole: int = 0
    fractions: list[float] = field(default_factory=list)

    def add(self, value: Json) -> None:
        number = _number(value)
        if isinstance(number, int):
            self.whole += number
            return
        self.fractions.append(number)
        if len(self.fractions) > _FRACTIONS:
            self.fractions = exact(self.fractions)

    def result(self) -> Json:
        # fsum rounds once, so the order of the parts has no effect.
        return math.fsum([self.whole, *self.fractions]) if self.fractions else self.whole

    @property
    def kept(self) -> Json:
        return [self.whole, *exact(self.fractions)]

    @classmethod
    def of(cls, kept: Json) -> Self:
        whole, *fractions = cast("list[int]", kept)
        return cls(whole, [*fractions])


def exact(numbers: Iterable[float]) -> list[float]:
    """Return a few floats that have exactly the sum of the numbers (Shewchuk, 1997)."""
    few: list[float] = []
    for number in numbers:
        rest, left = number, list[float]()
        for one in few:
            large, small = (rest, one) if abs(rest) >= abs(one) else (one, rest)
            rest = large + small
            if lost := small - (rest - large):
                left.append(lost)
        few = [*left, rest]
    return few


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

    @property
    def kept(self) -> Json:
        if self.by_key is not None:
            return {key: inner.kept for key, inner in self.by_key.items()}
        return self.total.kept if self.total else None

    @classmethod
    def of(cls, kept: Json) -> Self:
        if isinstance(kept, dict):
            return cls(by_key={key: cls.of(inner) for key, inner in kept.items()})
        return cls(None if kept is None else _Total.of(kept))


@dataclass(slots=True)
class _Single[T: Json]:
    """What is reduced to one value, which is also all that it keeps."""

    so_far: T

    def result(self) -> Json:
        return self.so_far

    @property
    def kept(self) -> Json:
        return self.so_far

    @classmethod
    def of(cls, kept: Json) -> Self:
        return cls(cast("T", kept))


@dataclass(slots=True)
class _Least(_Single[int | float | None]):
    so_far: int | float | None = None

    def add(self, value: Json) -> None:
        number = _number(value)
        self.so_far = number if self.so_far is None else min(self.so_far, number)


@dataclass(slots=True)
class _Greatest(_Single[int | float | None]):
    so_far: int | float | None = None

    def add(self, value: Json) -> None:
        number = _number(value)
        self.so_far = number if self.so_far is None else max(self.so_far, number)


@dataclass(slots=True)
class _Count(_Single[int]):
    so_far: int = 0

    def add(self, value: Json) -> None:
        self.so_far += value is not None


@dataclass(slots=True)
class _List(_Single[list[Json]]):
    so_far: list[Json] = field(default_factory=list)

    def add(self, value: Json) -> None:
        self.so_far.append(value)


@dataclass(slots=True)
class _First(_Single[list[Json]]):
    so_far: list[Json] = field(default_factory=list)

    def add(self, value: Json) -> None:
        if not self.so_far:
            self.so_far.append(value)

    def result(self) -> Json:
        return self.so_far[0]


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

    @property
    def kept(self) -> Json:
        return [self.n, self.mean, self.m2]

    @classmethod
    def of(cls, kept: Json) -> Self:
        n, mean, m2 = cast("tuple[int, float, float]", kept)
        return cls(n, mean, m2)


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
