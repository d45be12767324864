"""Lists of runs. An unreadable row does not hide the others: it is left out and reported."""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.domain.definitions.types import SMOKE
from pipeline.domain.runs.run import Run
from pipeline.ledger import index, runs
from pipeline.ledger.rows import Unreadable, log_unreadable
from pipeline.ledger.runs import Held
from pipeline.ports.tables import Tables


@dataclass(frozen=True)
class Listing:
    """The runs that could be read, and the errors of the rows that could not.

    `rest` is the place after which the list goes on; "" at its end.
    """

    held: tuple[Held, ...]
    damaged: tuple[Unreadable, ...] = ()
    rest: str = ""

    @property
    def runs(self) -> list[Run]:
        """The runs that could be read."""
        return [held.run for held in self.held]

    def latest(self, limit: int, after: str = "") -> "Listing":
        """Return the runs that were created last, latest first, or those after a place."""
        placed = sorted((index.place_of(held.run), held) for held in self.held)
        left = [(place, held) for place, held in placed if place > after]
        rest = left[limit - 1][0] if len(left) > limit else ""
        return Listing(tuple(held for _, held in left[:limit]), self.damaged, rest)


def latest(tables: Tables, pipeline: str | None, limit: int, after: str = "") -> Listing:
    """List the latest runs of a pipeline, or of all but that of `fanfare smoke`.

    `after` is the `rest` of an earlier list.
    """
    names = [pipeline] if pipeline else [n for n in index.pipelines(tables) if n != SMOKE]
    lists = [_read(tables, index.recent(tables, name, after), limit + 1) for name in names]
    held = tuple(held for found in lists for held in found.held)
    damaged = tuple(row for found in lists for row in found.damaged)
    return Listing(held, damaged).latest(limit, after)


def going(tables: Tables, pipeline: str | None = None, limit: int | None = None) -> Listing:
    """List the active runs of a pipeline, or of all, in the order of the index."""
    ids = index.active_of(tables, pipeline) if pipeline else index.active(tables)
    return _read(tables, itertools.islice(ids, limit))


def _read(tables: Tables, ids: Iterable[str], limit: int | None = None) -> Listing:
    """Read runs until so many could be read."""
    damaged: list[Unreadable] = []

    def readable() -> Iterator[Held]:
        for run in ids:
            try:
                held = runs.load(tables, run)
            except Unreadable as error:
                damaged.append(error)
                log_unreadable(error)
                continue
            if held:
                yield held

    held = tuple(itertools.islice(readable(), limit))
    return Listing(held, tuple(damaged))
