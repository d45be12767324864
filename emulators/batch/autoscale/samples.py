"""The history of a pool's metrics, one sample every 30 seconds."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from emulators.batch.autoscale.dialect import Dialect

PERIOD = timedelta(seconds=30)
_DAY = 24 * 120

type Row = tuple[datetime, Mapping[str, float]]


class Samples:
    """The history of all metrics of one pool; by itself it hides, loses and delays no sample."""

    def __init__(
        self,
        period: timedelta = PERIOD,
        *,
        delay: timedelta = timedelta(),
        kept: int = _DAY,
        availability: float = 100.0,
    ) -> None:
        self.period, self._delay, self._availability = period, delay, availability
        self._rows: deque[Row] = deque(maxlen=kept)
        self._taken = 0

    @classmethod
    def under(cls, dialect: Dialect, scale: float = 1.0) -> "Samples":
        """Return a history that follows the dialect, with all its times multiplied by `scale`."""
        return cls(
            PERIOD * scale,
            delay=timedelta(seconds=dialect.sample_delay_s) * scale,
            kept=int(dialect.sample_retention_s / PERIOD.total_seconds()),
            availability=dialect.sample_availability,
        )

    def record(self, at: datetime, metrics: Mapping[str, float]) -> bool:
        """Add one sample, unless the dialect loses it; its time must not be before the last one."""
        before = int(self._taken * self._availability / 100)
        self._taken += 1
        is_kept = int(self._taken * self._availability / 100) > before
        if is_kept:
            self._rows.append((at, metrics))
        return is_kept

    def restore(self, rows: Iterable[Row]) -> None:
        """Add samples that were saved before."""
        self._rows.extend(rows)

    def begin(self) -> datetime:
        """Return the time of the oldest sample; the history must not be empty."""
        return self._rows[0][0]

    def rows(self) -> Sequence[Row]:
        """Return all samples, the oldest first."""
        return tuple(self._rows)

    def published(self, now: datetime) -> list[Row]:
        """Return the samples that are published by now, the oldest first."""
        return [row for row in self._rows if row[0] <= now - self._delay]
