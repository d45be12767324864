"""Tells what the tasks of small runs print, while they run."""

from collections.abc import Iterator

from pipeline.cli.developing.files import Kind, Told
from pipeline.cli.fetching.following import Tail, job_of
from pipeline.cli.session import Session
from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.ledger import tasks

_MOST_TASKS = 4  # of a run that is followed: more would drown what matters


class Live:
    """The lines that tasks have printed since the last look."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._tails: dict[tuple[str, int, str], Tail] = {}
        self._lines: list[str] = []

    def look(self, run: Run) -> Iterator[Told]:
        """Tell the new lines of a run's tasks; larger runs have `fanfare logs --follow`."""
        if run.state is State.RUNNING and run.plan and run.plan.tasks <= _MOST_TASKS:
            for number in range(run.plan.tasks):
                yield from self._of_task(run, naming.unit_name(number))
            return
        for key in [one for one in self._tails if one[:2] == (run.id, run.generation)]:
            yield from self._of_task(run, key[2])
            self._tails.pop(key).end()
            yield from self._told(run, key[2])

    def _of_task(self, run: Run, unit: str) -> Iterator[Told]:
        key = (run.id, run.generation, unit)
        tail = self._tails.setdefault(key, Tail(self._lines.append))
        row = tasks.find(self._session.engine.ports.tables, run.id, run.generation, unit)
        tail.read(self._session, job_of(run, unit, row), unit)
        yield from self._told(run, unit)

    def _told(self, run: Run, unit: str) -> Iterator[Told]:
        lines, self._lines[:] = list(self._lines), []
        for line in lines:
            yield Told(Kind.LOG, f"{unit}: {visible(line)}", {"run": run.id, "unit": unit})
