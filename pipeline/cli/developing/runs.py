"""Tells of runs: each change of their state, and what their failed items printed."""

from collections.abc import Iterator, Sequence
from itertools import islice

from pipeline.cli.developing.files import Kind, Told
from pipeline.cli.developing.live import Live
from pipeline.cli.lookup import standing_of
from pipeline.cli.session import Session
from pipeline.cli.views import runs as display
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import FanfareError
from pipeline.handlers.collecting.standing import FailedItem, Standing, failed_items
from pipeline.ledger import index

_LOOKED_AT = 30  # latest runs of a pipeline
_FAILURES_SHOWN = 3


class Runs:
    """The latest runs since the last look; those that were over before are not told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        going = set(self._going())
        self._over = {run for run in self._recent() if run not in going}
        self._lines: dict[str, str] = {}
        self._live = Live(session)

    def look(self) -> Iterator[Told]:
        """Tell of each run whose state or progress has changed."""
        going = list(self._going())
        self._over -= set(going)  # one that was redriven goes on
        new = [run for run in reversed(self._recent()) if run not in self._over]
        for run in dict.fromkeys([*new, *going]):
            yield from self._changed(run)

    def _going(self) -> Iterator[str]:
        return index.active(self._session.engine.ports.tables)

    def _recent(self) -> list[str]:
        """Return the latest runs of each pipeline, by their ids alone."""
        tables = self._session.engine.ports.tables
        lists = [islice(index.recent(tables, one), _LOOKED_AT) for one in index.pipelines(tables)]
        return [run for found in lists for run in found]

    def _changed(self, run: str) -> Iterator[Told]:
        try:
            found = standing_of(self._session, run, ask=False)
        except FanfareError:
            return  # the next look reads it again
        line = display.plain_line(found)
        if self._lines.get(run) != line:
            self._lines[run] = line
            facts = {"run": run, "state": str(found.run.state), "done": found.done}
            yield Told(Kind.RUN, line, facts)
        yield from self._live.look(found.run)
        if found.run.over:
            self._over.add(run)
            yield from self._ended(found)

    def _ended(self, found: Standing) -> Iterator[Told]:
        run = found.run
        yield from _words(run, failed_items(self._session.engine, run, _FAILURES_SHOWN))
        if found.failed or not run.output:
            yield Told(Kind.NEXT, self._session.stack().against(f"logs {run.id}"), {"run": run.id})
        else:
            yield Told(Kind.NEXT, self._session.stack().against(f"get {run.id}"), {"run": run.id})


def _words(run: Run, failed: Sequence[FailedItem]) -> Iterator[Told]:
    """Tell why items failed, and once what several of them printed last."""
    alike: dict[tuple[str, str], list[int]] = {}
    for one in failed:
        alike.setdefault((str(one.item.cause), one.item.tail), []).append(one.item.id)
    for (cause, tail), items in alike.items():
        facts = {"run": run.id, "items": items}
        named = ", ".join(map(str, items))
        noun = "item" if len(items) == 1 else "items"
        yield Told(Kind.LOG, f"{noun} {named} failed: {cause}", facts)
        for line in tail.splitlines():
            yield Told(Kind.LOG, f"  {visible(line)}", facts)
