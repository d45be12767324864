"""What a pool's metrics were, every 30 seconds, and how formulas ask for them."""

import bisect
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from emulators.batch.autoscale.values import (
    FormulaError,
    InsufficientData,
    Value,
    Vector,
    as_double,
    as_whole,
    kind,
)

PERIOD = timedelta(seconds=30)
_KEPT = 24 * 120
_DEFAULT_PERCENT = 70.0
_RANGE_WITH_PERCENT = 3


class Samples:
    """The history of all metrics of one pool; `delay` hides the newest ones from ranges."""

    def __init__(self, period: timedelta = PERIOD, delay: timedelta = timedelta()) -> None:
        self.period, self._delay = period, delay
        self._rows: deque[tuple[datetime, Mapping[str, float]]] = deque(maxlen=_KEPT)

    def record(self, at: datetime, metrics: Mapping[str, float]) -> None:
        """Add one sample; moments must not go back."""
        self._rows.append((at, metrics))

    def rows(self) -> Sequence[tuple[datetime, Mapping[str, float]]]:
        """Return all samples, the oldest first."""
        return tuple(self._rows)

    def visible(self, now: datetime) -> list[tuple[datetime, Mapping[str, float]]]:
        """Return the samples that are published by now, the oldest first."""
        return [row for row in self._rows if row[0] <= now - self._delay]


class Series:
    """One sampled variable as a formula sees it at one moment."""

    def __init__(
        self, name: str, samples: Samples, now: datetime, *, newest_first: bool = True
    ) -> None:
        self._step = -1 if newest_first else 1
        self._name, self._now, self._period = name, now, samples.period
        rows = samples.visible(now)
        self._times = [at for at, _ in rows]
        self._values = [float(metrics.get(name, 0.0)) for _, metrics in rows]

    def latest(self) -> float | None:
        """Return the newest sample, for formulas that use the variable as a number."""
        return self._values[-1] if self._values else None

    def ask(self, method: str, arguments: Sequence[Value]) -> Value | None:
        """Call one of its methods; None when there is none of that name."""
        if method == "GetSample":
            return self._get(arguments)
        if method == "GetSamplePercent":
            start, end = self._bounds(arguments)
            return self._percent(start, end)
        if method == "GetSamplePeriod":
            return self._period
        if method == "Count":
            return float(len(self._values))
        if method == "HistoryBeginTime":
            return self._times[0] if self._times else self._now
        return None

    def _get(self, arguments: Sequence[Value]) -> Vector:
        if not arguments:
            raise FormulaError(f"{self._name}.GetSample() needs an argument")
        if isinstance(arguments[0], float):
            count = max(0, as_whole(arguments[0]))
            return tuple(self._values[-count:][:: self._step]) if count else ()
        wanted = _DEFAULT_PERCENT
        if isinstance(arguments[-1], float):
            *rest, last = arguments
            arguments, wanted = rest, as_double(last)
        if len(arguments) >= _RANGE_WITH_PERCENT:
            raise FormulaError(f"{self._name}.GetSample() has too many arguments")
        start, end = self._bounds(arguments)
        percent = self._percent(start, end)
        if percent < wanted:
            raise InsufficientData(
                f"Insufficient data from data set: {self._name} "
                f"wanted {wanted:.6g}%, received {percent:.6g}%"
            )
        low, high = self._slice(start, end)
        return tuple(self._values[low:high][:: self._step])

    def _bounds(self, arguments: Sequence[Value]) -> tuple[datetime, datetime]:
        ends = [self._moment(argument) for argument in arguments] or [self._now]
        if len(ends) == 1:
            ends.append(self._now)
        return min(ends), max(ends)

    def _moment(self, argument: Value) -> datetime:
        if isinstance(argument, timedelta):
            return self._now - argument
        if isinstance(argument, datetime):
            return argument
        raise FormulaError(
            f"{self._name}: a time or an interval is expected, not a {kind(argument)}"
        )

    def _slice(self, start: datetime, end: datetime) -> tuple[int, int]:
        # The sample of the present moment belongs to a window that ends now.
        find_end = bisect.bisect_right if end >= self._now else bisect.bisect_left
        return bisect.bisect_left(self._times, start), find_end(self._times, end)

    def _percent(self, start: datetime, end: datetime) -> float:
        expected = max(1, int((end - start) / self._period))
        low, high = self._slice(start, end)
        return min(100.0, 100.0 * (high - low) / expected)
