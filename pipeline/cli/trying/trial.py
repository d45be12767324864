"""One run on this machine: the engine's own handlers over ports that need no service.

It claims a run, plans it, and then carries out one item of the plan, or the run to its verdict.
"""

import itertools
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

from pipeline import bootstrap
from pipeline.adapters.machine.batch import Outcome
from pipeline.adapters.machine.node import Unprepared, last_words
from pipeline.adapters.machine.world import Machine, Places, Waiting
from pipeline.cli.exits import CommandError
from pipeline.cli.stack import signals
from pipeline.cli.trying import surroundings
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.definitions.pipeline import Limits, Pipeline
from pipeline.domain.definitions.retry import Retries
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.failures import cause_of
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.handlers.doors import dispatch
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger import runs
from pipeline.ports.batch import JobSpec

_ALONE = 2  # deliveries of a message: the step is carried out alone, and asks by messages
_LONG = timedelta(days=1)
_PLANNED = frozenset({State.SUBMITTING, State.RUNNING, State.ASSEMBLING, State.COMMITTING})

type Tell = Callable[[int], None]


@dataclass(frozen=True)
class Definitions:
    """The definitions that are tried, the folder that they are in, and the file of secrets."""

    root: Path
    catalogue: Catalogue
    secrets: Path


@dataclass(frozen=True)
class Attempt:
    """What is tried: a pipeline with an input, parameters, and files that the input lists."""

    pipeline: Pipeline
    file: Path | None = None
    name: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    listed: Sequence[tuple[Path, BlobRef]] = ()
    patient: bool = False  # no time limit acts: a person is at work


class TaskLost(CommandError):
    """A task ended without a receipt."""

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause = cause


@dataclass(frozen=True)
class Trial:
    """A run that was claimed on this machine, in a folder of its own."""

    engine: Engine
    machine: Machine
    folder: Path
    run_id: str

    @classmethod
    @contextmanager
    def begun(cls, definitions: Definitions, attempt: Attempt, folder: Path) -> Iterator[Self]:
        """Claim a run in a folder, and end during the with block all that it started.

        Raises InvalidParameters.
        """
        places = Places(folder, surroundings.cache(), definitions.secrets, dict(os.environ))
        with Machine.at(places, surroundings.make_image) as machine, _logging(folder):
            definition = _settled(attempt)
            catalogue = Catalogue({definition.name: definition}, definitions.catalogue.pools)
            engine = bootstrap.on_this_machine(definitions.root, catalogue, machine.ports)
            for pool in catalogue.pools.values():
                machine.batch.add_pool(engine.pool_id_of(pool), nodes=1)
            for file, ref in attempt.listed:
                machine.blobs.adopt(ref, file)
            source = None
            if attempt.file is not None:
                trigger = definition.trigger.blob
                ref = BlobRef(trigger.container if trigger else "input", attempt.name)
                source = machine.blobs.adopt(ref, attempt.file)
            started = start_for_request(engine, definition, "try", source, attempt.parameters)
            try:
                yield cls(engine, machine, folder, started.run.id)
            finally:
                signals.ending()

    @property
    def run(self) -> Run:
        """The run as the ledger has it now."""
        return runs.need(self.engine.ports.tables, self.run_id).run

    def plan(self) -> Run:
        """Plan the run; a split program runs first. A run that failed has its cause."""
        return self._until(lambda run: run.over or run.state in _PLANNED)

    def finish(self, tell: Tell = lambda _: None) -> Run:
        """Bring the run to its verdict; `tell` gets how many tasks have ended, after each."""
        return self._until(lambda run: run.over, tell)

    def prepare(self, job: JobSpec) -> Path:
        """Prepare the node for a job; return the folder of its files. Raises TaskLost."""
        try:
            return self.machine.node.prepare(job) / "wd"
        except Unprepared as error:
            raise TaskLost(Cause.PREPARATION_FAILED, f"preparation-failed: {error}") from error

    def execute(
        self, waiting: list[Waiting], at_once: int = 1, tell: Callable[[], None] = lambda: None
    ) -> list[Outcome]:
        """Run tasks. Raises TaskLost for one that left nothing that can be counted."""
        try:
            outcomes = self.machine.run(waiting, at_once, tell)
        except Unprepared as error:
            raise TaskLost(Cause.PREPARATION_FAILED, f"preparation-failed: {error}") from error
        for one, outcome in zip(waiting, outcomes, strict=True):
            runner = one.task.container is None or bool(one.job.preparation)
            if runner and not outcome.succeeded:
                raise self._lost(one, outcome)
        return outcomes

    def _until(self, enough: Callable[[Run], bool], tell: Tell = lambda _: None) -> Run:
        ended = itertools.count(1)
        while not enough(run := self.run):
            if self._step():
                continue
            if waiting := self.machine.waiting():
                self.execute(waiting, os.process_cpu_count() or 1, lambda: tell(next(ended)))
                continue
            at = self.machine.next_visible()
            if at is None:
                why = run.why or f"it stays {run.state}"
                raise CommandError(f"The run cannot go on on this machine alone: {why}.")
            time.sleep(max(0.0, (at - datetime.now(UTC)).total_seconds()))
        return run

    def _step(self) -> bool:
        """Handle the next message; return whether there was one."""
        received = self.machine.receive()
        if received is None:
            return False
        queue, message = received
        dispatch.handle(self.engine, Queue(queue), message.body, _ALONE)
        return True

    def _lost(self, one: Waiting, outcome: Outcome) -> TaskLost:
        folder = self.machine.node.folder(one.job.id, one.task.id)
        limit = one.task.limit.total_seconds()
        cause = cause_of(outcome.code, outcome.exit_code, full_time=outcome.exit_code is None)
        streams = sorted((folder / "wd").glob("s-*.txt"))
        said = "\n".join(path.read_text("utf-8", "replace").strip() for path in streams)
        words = said.strip() or last_words(folder) or outcome.message or f"no end after {limit:g} s"
        return TaskLost(cause, f"{cause}: the task left no receipt: {words}")


def _settled(attempt: Attempt) -> Pipeline:
    """Return the definition without retries, which would only repeat a failure here."""
    none = {field.alias or name: 0 for name, field in Retries.model_fields.items()}
    changes: dict[str, object] = {"retries": Retries.model_validate(none)}
    if attempt.patient:
        outputs = attempt.pipeline.limits.outputs
        changes["limits"] = Limits(item=_LONG, task=_LONG, run=_LONG, outputs=outputs)
    return attempt.pipeline.model_copy(update=changes)


@contextmanager
def _logging(folder: Path) -> Iterator[None]:
    """Keep what the engine logs in a file of the folder, away from the terminal."""
    log, handler = logging.getLogger("fanfare"), logging.FileHandler(folder / "engine.log")
    log.addHandler(handler)
    spread, log.propagate = log.propagate, False
    try:
        yield
    finally:
        log.propagate = spread
        log.removeHandler(handler)
        handler.close()
