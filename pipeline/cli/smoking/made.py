"""The runs and blobs that a smoke makes: started, watched within a time limit, and removed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count

from pipeline.cli.lookup import standing_of
from pipeline.cli.session import Session
from pipeline.cli.smoking.report import Found, Hindered, Outcome
from pipeline.cli.views import wording
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.types import SMOKE
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.runs.run import OriginKind, Run
from pipeline.errors import Conflict, FanfareError, Transient
from pipeline.handlers.collecting.standing import Standing
from pipeline.handlers.ending import purge, steer
from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger import outbox, runs

_POLL_S = 0.5
_ASK_EVERY = 4  # polls: asking Batch is expensive
_ENDING_S = 120.0  # for what follows a verdict
_WORKS = ObstacleCode.TASKS_RUNNING


@dataclass
class Made:
    """What a smoke made so far; `tells` shows what it waits for. A step may take `limit_s`."""

    session: Session
    limit_s: float
    tells: Callable[[str], None]
    runs: list[str] = field(default_factory=list)
    blobs: list[BlobRef] = field(default_factory=list)
    purged: int = 0

    def upload(self, name: str, content: bytes) -> BlobRef:
        """Upload a blob where no trigger looks."""
        engine = self.session.engine
        ref = naming.upload(engine.token(), name)
        self.blobs.append(ref)
        engine.ports.writer.upload(ref, [content])
        return ref

    def start(self, definition: Pipeline, ref: BlobRef | None = None) -> str:
        """Start a run, with a blob as its input; return its id."""
        engine = self.session.engine
        key, source = engine.token(), engine.ports.blobs.head(ref) if ref else None
        # Noted before it exists, so that nothing stays of a smoke that is interrupted just here.
        self.runs.append(naming.run_id(definition.name, (OriginKind.REQUEST, key)))
        return start_for_request(self.session.steering, definition, key, source, {}).run.id

    def ended(self, run: str, generation: int = 1) -> Standing:
        """Wait until a generation of a run is over. Raises Hindered."""
        return self.wait(run, lambda at: at.run.over and at.run.generation == generation)

    def works(self, run: str) -> Standing:
        """Wait until a task of a run works on a node. Raises Hindered, also if the run ended."""
        found = self.wait(run, lambda at: at.run.over or _waits_for(at) is _WORKS)
        if found.run.over:
            raise Hindered(f"{told(found.run)} before it could be seen at work", found.remedy)
        return found

    def wait(self, run: str, reached: Callable[[Standing], bool]) -> Standing:
        """Wait until a run has come so far. Raises Hindered with what it waits for instead."""
        until, seen = self.session.monotonic() + self.limit_s, "its state cannot be read"
        remedy = self.session.addressed(f"fanfare show {run}")
        for poll in count():
            asks = poll % _ASK_EVERY == 0
            try:
                found = standing_of(self.session, run, ask=asks)
            except Transient as error:
                seen = str(error)
            else:
                if reached(found):
                    return found
                if asks:
                    seen, remedy = _going(found), _remedy(found) or remedy
                if asks and _waits_for(found) is ObstacleCode.POOL_MISSING:
                    raise Hindered(seen, remedy)  # nothing makes it by itself
            self.tells(seen)
            if self.session.monotonic() > until:
                raise Hindered(f"not over after {self.limit_s:g} s: {seen}", remedy)
            self.session.sleep(_POLL_S)
        raise AssertionError  # the loop has no end

    def until(self, reached: Callable[[], bool], what: str, limit_s: float | None = None) -> None:
        """Wait for anything else. Raises Hindered."""
        limit = self.limit_s if limit_s is None else limit_s
        end = self.session.monotonic() + limit
        self.tells(f"waiting {what}")
        while not reached():
            if self.session.monotonic() > end:
                raise Hindered(f"waited {limit:g} s in vain {what}")
            self.session.sleep(_POLL_S)

    def read(self) -> Iterator[Run]:
        """Read the runs that exist. Raises Unreadable."""
        tables = self.session.engine.ports.tables
        found = (runs.load(tables, run) for run in self.runs)
        return (held.run for held in found if held)

    def removed(self) -> Found:
        """Cancel what goes on, and delete what all of it left; tell what stays."""
        failures, deleted = [], 0
        for run in self.runs:
            try:
                deleted += self._remove(run)
            except FanfareError as error:
                failures.append((run, wording.one_line(str(error))))
        for ref in self.blobs:
            try:
                self.session.engine.ports.writer.delete(ref)
            except FanfareError as error:
                failures.append((f"{ref.container}/{ref.name}", wording.one_line(str(error))))
        if failures:
            what = "; ".join(f"{name}: {error}" for name, error in failures)
            left = [name for name, _ in failures if name in self.runs]
            mend = "; ".join(f"fanfare purge {run} --output --yes" for run in left)
            return Found(Outcome.FAILED, f"not all is removed: {what}", self._addressed(mend))
        rows = wording.count(self.purged, "run")
        stays = f"the rows of {rows} stay, and `fanfare ls {SMOKE}` shows them"
        blobs = wording.count(deleted + len(self.blobs), "blob")
        return Found(Outcome.OK, f"deleted {blobs}; {stays}")

    def _remove(self, run: str) -> int:
        """Purge a run, once it is over and nothing of it is on its way; return how many blobs."""
        engine = self.session.engine
        held = runs.load(engine.ports.tables, run)
        if held is None:
            return 0
        if not held.run.over:
            try:
                steer.cancel(self.session.steering, run)
            except Conflict:
                self.tells(f"{run} ended meanwhile")
        # A backup that is written after the purge would stay.
        self.until(lambda: self._is_released(run), f"for {run} to be released", _ENDING_S)
        over = runs.need(engine.ports.tables, run).run
        found = purge.belongings(engine, over, output=True)
        purge.carry_out(self.session.steering, found)
        self.purged += 1
        return found.blobs

    def _is_released(self, run: str) -> bool:
        tables = self.session.engine.ports.tables
        held = runs.need(tables, run)
        return held.run.over and not outbox.is_open(tables, held.run)

    def _addressed(self, commands: str) -> str:
        return self.session.addressed(commands) if commands else ""


def told(run: Run) -> str:
    """Say how a run ended, with its cause."""
    why = f" ({run.cause}: {wording.one_line(run.error)})" if run.cause else ""
    return f"{run.id} {run.state}{why}"


def _waits_for(where: Standing) -> ObstacleCode | None:
    obstacle = where.obstacle or where.run.obstacle
    return ObstacleCode(obstacle.code) if obstacle else None


def _remedy(where: Standing) -> str:
    return where.obstacle.remedy if where.obstacle else ""


def _going(where: Standing) -> str:
    """Say where a run is, and what it waits for."""
    obstacle = where.obstacle or where.run.obstacle
    why = f" ({obstacle.code}: {wording.one_line(obstacle.evidence)})" if obstacle else ""
    return f"{where.run.id} is {where.run.state}{why}"
