"""Takes spot nodes away: on command, at a rate, or as a trace says."""

import csv
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from emulators.batch.model.node import READY, Node
from emulators.batch.model.pool import Pool
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.life import preempt
from emulators.batch.service.pools.resize import seek_again

_COLUMNS = ("seconds", "pool", "preempt", "capacity")
_DRAW_S = 60.0
_HOUR_S = 3600.0


class BadTrace(Exception):
    """The trace file has an error; the text says where."""


@dataclass(frozen=True, slots=True)
class Event:
    """At a moment after the start, some nodes of the matching pools are preempted.

    From then on the account may have `capacity` spot nodes; None leaves that as it was.
    """

    seconds: float
    pool: str
    preempt: int
    capacity: int | None

    def __post_init__(self) -> None:
        if (
            not math.isfinite(self.seconds)
            or min(self.seconds, self.preempt, self.capacity or 0) < 0
        ):
            raise ValueError("seconds, preempt and capacity are finite and not negative")


def read_trace(path: Path) -> list[Event]:
    """Read a CSV file with the columns seconds, pool, preempt, capacity; raises BadTrace."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file)
            if tuple(rows.fieldnames or ()) != _COLUMNS:
                raise BadTrace(f"{path}: the first line has to be {','.join(_COLUMNS)}")
            return [_event(path, rows.line_num, row) for row in rows]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadTrace(f"{path} cannot be read: {error}") from error


def _event(path: Path, line: int, row: Mapping[str, str | None]) -> Event:
    if None in row.values():
        raise BadTrace(f"{path}, line {line}: four columns are needed")
    try:
        capacity = int(row["capacity"]) if row["capacity"] else None
        taken, seconds = int(row["preempt"] or 0), float(row["seconds"] or "")
        return Event(seconds, row["pool"] or "*", taken, capacity)
    except (TypeError, ValueError) as error:
        raise BadTrace(f"{path}, line {line}: {error}") from error


class SpotMarket:
    """Takes spot nodes away; the same seed takes the same ones."""

    def __init__(self, ctx: Context, trace: list[Event]) -> None:
        self._ctx, self._trace = ctx, trace
        self._chance = random.Random(ctx.options.seed)  # noqa: S311 - reproducible, nothing secret

    def start(self) -> None:
        """Begin now to follow the trace and to draw at the rate."""
        for event in self._trace:
            self._ctx.clock.after(event.seconds, lambda event=event: self._strike(event))  # type: ignore[misc] # mypy cannot infer a lambda with a default
        if self._ctx.options.spot_preemptions_per_hour > 0:
            self._ctx.clock.after(_DRAW_S, self._draw)

    def _draw(self) -> None:
        rate = self._ctx.options.spot_preemptions_per_hour
        share = 1 - math.exp(-rate * _DRAW_S / _HOUR_S)
        for pool, node in self._ready("*"):
            if self._chance.random() < share:
                preempt(self._ctx, pool, node)
        self._ctx.clock.after(_DRAW_S, self._draw)

    def _strike(self, event: Event) -> None:
        if event.capacity is not None:
            self._ctx.spot_capacity = event.capacity
        found = self._ready(event.pool)
        for pool, node in self._chance.sample(found, min(event.preempt, len(found))):
            preempt(self._ctx, pool, node)
        for pool in self._ctx.account.pools.values():
            seek_again(self._ctx, pool)

    def _ready(self, pattern: str) -> list[tuple[Pool, Node]]:
        return [
            (pool, node)
            for pool in self._ctx.account.pools.values()
            if fnmatchcase(pool.id, pattern)
            for node in pool.nodes.values()
            if not node.dedicated and node.state in READY
        ]
