"""Tells of runs: each change of their state, and what their failed items printed."""

from collections.abc import Iterator, Sequence

from pipeline.cli.developing.files import Kind, Told
from pipeline.cli.developing.live import Live
from pipeline.cli.lookup import standing_of
from pipeline.cli.session import Session
from pipeline.cli.views import runs as display
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import FanfareError
from pipeline.handlers.collecting.standing import FailedItem, Standing, failed_items
from pipeline.ledger import listing

_LOOKED_AT = 30  # latest runs
_FAILURES_SHOWN = 3


class Runs:
    """The latest runs since the last look; those that were over before are not told."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._over = {(run.id, run.generation) for run in self._latest() if run.over}
        self._lines: dict[str, str] = {}
        self._live = Live(session)

    def look(self) -> Iterator[Told]:
        """Tell of each run whose state or progress has changed."""
        for run in reversed(self._latest()):
            if (run.id, run.generation) not in self._over:
                yield from self._changed(run.id)

    def _latest(self) -> list[Run]:
        return listing.latest(self._session.engine.ports.tables, None, _LOOKED_AT).runs

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
            self._over.add((run, found.run.generation))
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
