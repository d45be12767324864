"""Follows what a task prints while it runs, through the files of its node."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.fetching.logs import logs_of, plan_of
from pipeline.cli.session import Deadline, Session
from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.results import TaskState
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.logs import part_of, rest_of
from pipeline.errors import Transient
from pipeline.ledger import runs, tasks
from pipeline.ledger.tasks import HeldTask

POLL_S = 1.0
# Of a task, on its node: what the runner writes, and the streams of a task without it.
LIVE_FILES = ("wd/live.txt", "stdout.txt", "stderr.txt")
_PATIENCE = 10  # polls in a row that may fail
_SAY_AFTER_S = 10.0
_HEADING = re.compile(rb"== item (\d+), try \d+: ")
_BEGINS = b": begins"
_LONGEST = 64 << 10  # bytes of a line; a longer one is shown in pieces
_STAGE_OF = {State.PLANNING: naming.SPLIT, State.ASSEMBLING: naming.ASSEMBLE}

type Print = Callable[[str], None]


def unit_to_follow(run: Run) -> str:
    """Return the unit that is meant if nobody names one. Raises CommandError if there are many."""
    plan = plan_of(run)
    if plan and plan.tasks == 1 and run.state not in _STAGE_OF:
        return naming.unit_name(0)
    if stage := _STAGE_OF.get(run.state):
        return stage
    count = f"{plan.tasks:,} tasks" if plan else "no tasks yet"
    raise CommandError(
        f"Run {run.id} has {count}: name a task, or give --item, to follow it.", Exit.USAGE
    )


def follow(session: Session, run: Run, unit: str, tail: "Tail", deadline: Deadline) -> None:
    """Print what a unit prints until it has ended; without a live file, what its log has then.

    Raises CommandError on a timeout, and Transient if a service stays silent.
    """
    failures, over, began, said = 0, False, session.monotonic(), False
    while not over:
        try:
            row = tasks.find(session.engine.ports.tables, run.id, run.generation, unit)
            over = _over(session, run, row)
            tail.read(session, job_of(run, unit, row), unit)
            failures = 0
        except Transient:
            failures, over = failures + 1, False
            if failures >= _PATIENCE:
                raise
        if not over:
            if not said and not tail.printed and session.monotonic() - began > _SAY_AFTER_S:
                session.note(f"Nothing yet: `fanfare show {run.id}` says what the run waits for.")
                said = True
            deadline.check(f"{unit} of run {run.id} has not ended")
            session.sleep(POLL_S)
    if tail.begun is not None:  # the node was gone before the end of its file
        _print_rest(session, run, unit, tail)
    tail.end()
    if not tail.printed:
        _print_log(session, run, unit, tail)


def _print_rest(session: Session, run: Run, unit: str, tail: "Tail") -> None:
    """Print from the log in Storage what did not come while the task ran."""
    rest: list[str] = []
    for log in logs_of(session, run, unit):  # one of each attempt: the last counts
        text = log.text if tail.item is None else part_of(log.text, tail.item)
        rest = rest_of(text, tail.begun or 0, tail.seen) or rest
    if rest:
        tail.drop()
    for line in rest:
        tail.out(line)


def _print_log(session: Session, run: Run, unit: str, tail: "Tail") -> None:
    """Print the log in Storage: of a program with secrets, or of a node that is gone."""
    for log in logs_of(session, run, unit):
        text = log.text if tail.item is None else part_of(log.text, tail.item)
        for line in log._replace(text=text).shown.splitlines():
            tail.out(line)


def _over(session: Session, run: Run, row: HeldTask | None) -> bool:
    """Return whether a unit has a result, or will have none: its run is over, or redriven."""
    held = runs.need(session.engine.ports.tables, run.id).run
    if held.over or held.generation != run.generation:
        return True
    return row is not None and row.result.state is TaskState.DONE


def job_of(run: Run, unit: str, row: HeldTask | None) -> str:
    """Name the job of a unit's present execution, of which its row tells."""
    stage = unit if unit in naming.STAGES else ""
    return run.names.job(row.result.execution if row else 0, stage)


@dataclass
class Tail:
    """What was printed of each file, up to which byte; with `item` only what belongs to it.

    `begun` is the item of which a try has begun and not ended, and `seen` counts its lines.
    """

    out: Print
    item: int | None = None
    printed: bool = False
    begun: int | None = None
    seen: int = 0
    _job: str = ""
    _offsets: dict[str, int] = field(default_factory=dict)
    _begun: dict[str, bytes] = field(default_factory=dict)
    _shows: bool = True

    def __post_init__(self) -> None:
        self._shows = self.item is None

    def read(self, session: Session, job: str, unit: str) -> None:
        """Print the lines that are new; another job is another execution, from its beginning."""
        if job != self._job:
            self._job = job
            self._offsets.clear()
        for path in LIVE_FILES:
            for content in self._new(session, unit, path):
                *lines, rest = (self._begun.get(path, b"") + content).split(b"\n")
                whole = len(rest) > _LONGEST
                self._begun[path] = b"" if whole else rest
                for line in (*lines, *([rest] if whole else [])):
                    self._line(line)

    def end(self) -> None:
        """Print what came without the end of its line."""
        for rest in filter(None, self._begun.values()):
            self._line(rest)
        self.drop()

    def drop(self) -> None:
        """Forget what came without the end of its line."""
        self._begun.clear()

    def _new(self, session: Session, unit: str, path: str) -> Iterator[bytes]:
        while True:
            begin = self._offsets.get(path, 0)
            found = session.engine.ports.cluster.task_file(self._job, unit, path, begin)
            if found is None:
                return
            if found.size < begin:  # a further attempt on the node began the file anew
                self._offsets[path] = 0
                continue
            if not found.content:
                return
            self._offsets[path] = begin + len(found.content)
            yield found.content

    def _line(self, line: bytes) -> None:
        heading = _HEADING.match(line)
        if heading and self.item is not None:
            self._shows = int(heading[1]) == self.item
        if self._shows:
            self._count(heading, line)
            self.printed = True
            self.out(line.decode("utf-8", "replace"))

    def _count(self, heading: re.Match[bytes] | None, line: bytes) -> None:
        if heading is None:
            self.seen += 1
            return
        self.begun = int(heading[1]) if line.endswith(_BEGINS) else None
        self.seen = 0
