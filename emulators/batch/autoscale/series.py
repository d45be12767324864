"""One sampled variable as a formula sees it at one moment, with the methods that read its
samples."""

import bisect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.samples import Row
from emulators.batch.autoscale.values import (
    FormulaError,
    InsufficientData,
    Value,
    Vector,
    as_double,
    as_whole,
    kind,
)

_DEFAULT_PERCENT = 70.0
# The number of arguments that each method takes.
_ARITY: Mapping[str, tuple[int, ...]] = {
    "GetSample": (1, 2, 3),
    "GetSamplePercent": (1, 2),
    "GetSamplePeriod": (0,),
    "Count": (0,),
    "HistoryBeginTime": (0,),
}
METHODS = frozenset(_ARITY)


class Series:
    """The samples of one variable that are published at one moment."""

    def __init__(
        self, name: str, rows: Sequence[Row], now: datetime, period: timedelta, dialect: Dialect
    ) -> None:
        self._name, self._now, self._period, self._dialect = name, now, period, dialect
        self._times = [at for at, _ in rows]
        self._values = [float(metrics.get(name, 0.0)) for _, metrics in rows]

    def latest(self) -> float:
        """Return the newest sample, for formulas that use the variable as a number."""
        return self._values[-1] if self._values else 0.0

    def ask(self, method: str, arguments: Sequence[Value]) -> Value:
        """Call one of its METHODS."""
        if len(arguments) not in _ARITY[method]:
            raise FormulaError(f"{self._name}.{method}() does not take {len(arguments)} arguments")
        answers: Mapping[str, Callable[[], Value]] = {
            "GetSample": lambda: self._samples(arguments),
            "GetSamplePercent": lambda: self._percent(*self._bounds(arguments)),
            "GetSamplePeriod": lambda: self._period,
            "Count": lambda: float(len(self._values)),
            "HistoryBeginTime": lambda: self._times[0] if self._times else self._now,
        }
        return answers[method]()

    def _samples(self, arguments: Sequence[Value]) -> Vector:
        """Choose the overload by types: a count, or a time range with or without a percentage."""
        first, *rest = arguments
        if not rest and isinstance(first, float | tuple):
            return self._last(as_whole(as_double(first, strict=self._dialect.strict)))
        wanted = _DEFAULT_PERCENT
        if rest and isinstance(rest[-1], float | tuple):
            wanted = as_double(rest.pop(), strict=self._dialect.strict)
        if len(rest) > 1:
            raise FormulaError(f"{self._name}.GetSample() takes a percentage as its third argument")
        return self._range(*self._bounds([first, *rest]), wanted)

    def _last(self, count: int) -> Vector:
        return self._ordered(self._values[-count:] if count > 0 else [])

    def _range(self, start: datetime, end: datetime, wanted: float) -> Vector:
        percent = self._percent(start, end)
        if percent < wanted:
            raise InsufficientData(
                f"Insufficient data from data set: {self._name} "
                f"wanted {wanted:.6g}%, received {percent:.6g}%"
            )
        low, high = self._slice(start, end)
        return self._ordered(self._values[low:high])

    def _ordered(self, values: list[float]) -> Vector:
        return tuple(reversed(values) if self._dialect.newest_first else values)

    def _bounds(self, arguments: Sequence[Value]) -> tuple[datetime, datetime]:
        ends = [self._moment(argument) for argument in arguments]
        if len(ends) == 1:
            ends.append(self._now)
        return min(ends), max(ends)

    def _moment(self, argument: Value) -> datetime:
        if isinstance(argument, datetime):
            return argument
        if not isinstance(argument, timedelta):
            raise FormulaError(
                f"{self._name}: a timestamp or a timeinterval is expected, not a {kind(argument)}"
            )
        try:
            return self._now - argument
        except OverflowError as error:
            raise FormulaError("a time is out of range") from error

    def _slice(self, start: datetime, end: datetime) -> tuple[int, int]:
        ends = self._dialect.range_ends
        find_start = bisect.bisect_left if ends in ("start", "both") else bisect.bisect_right
        # A range that ends now includes the sample of the present moment.
        closed = ends in ("end", "both") or end >= self._now
        find_end = bisect.bisect_right if closed else bisect.bisect_left
        low, high = find_start(self._times, start), find_end(self._times, end)
        return low, max(low, high)

    def _percent(self, start: datetime, end: datetime) -> float:
        expected = max(1, int((end - start) / self._period))
        low, high = self._slice(start, end)
        return min(100.0, 100.0 * (high - low) / expected)
