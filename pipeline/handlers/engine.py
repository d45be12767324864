"""What every handler gets, and how it sends messages."""

import functools
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from pydantic import ValidationError

from pipeline.domain.catalogue.archives import Archive
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool, physical_id
from pipeline.domain.outputs.item_index import Unindexed
from pipeline.domain.runs.asking.askers import ENGINE, Asker
from pipeline.domain.runs.messages import Message, Queue, RunMessage, Step, WorkMessage
from pipeline.domain.runs.run import Run
from pipeline.domain.slices import ENDLESS, Slice
from pipeline.errors import Permanent, Transient
from pipeline.handlers.onward import LONGEST, LastLook, Onward
from pipeline.ports.world import Ports
from pipeline.settings import Patience, Pin, Retention

log = logging.getLogger("fanfare")
_AT_LEAST = timedelta(seconds=1)  # until a step is asked for again


class DefinitionUnreadable(Transient):
    """A later release started the run, and only its instances can read the run's definition."""


@dataclass(frozen=True)
class Engine:
    """The ports, the definitions, the patience, and the files of task_scripts/ by name.

    `archives` are files of task_scripts/ that are too large to be held. `local` means that the
    services are the stack on this machine, not Azure. `processor` is what all nodes have if they
    are this machine, whatever their pools say. With `gpu_optional` a task that asks for a GPU runs
    on the CPU of a node that has none. `by` is who asks for what this invocation does: the engine
    itself, unless a door knows better. `unindexed` is what this process knows of items and has not
    written. `time_limit` is how long the host lets an invocation live, and `slice` how much of that
    this one has. `pin` is how versions of blobs are kept. With `onward` it carries out itself what
    it asks for. `reloads` means that the app reads these definitions again whenever a file has
    changed. `looked` is when this process last looked for the last tick.
    """

    ports: Ports
    catalogue: Catalogue
    patience: Patience
    scripts: Mapping[str, bytes]
    archives: Mapping[str, Archive] = field(default_factory=dict)
    local: bool = False
    processor: str = ""
    gpu_optional: bool = False
    by: Asker = ENGINE
    unindexed: Unindexed = field(default_factory=Unindexed)
    time_limit: timedelta | None = None
    slice: Slice = ENDLESS
    pin: Pin = Pin.SNAPSHOT
    onward: Onward | None = None
    reloads: bool = False
    looked: LastLook = field(default_factory=LastLook)
    retention: Retention = field(default_factory=Retention)

    @property
    def now(self) -> datetime:
        """The time, UTC."""
        return self.ports.clock.now()

    def asked_by(self, by: Asker) -> Self:
        """Return the same engine for somebody: what it starts or changes is recorded as theirs."""
        return replace(self, by=by)

    def begun(self) -> Self:
        """Return the same engine for an invocation that begins now; its slice begins."""
        return replace(self, slice=Slice.begun(self.now, self.time_limit))

    def going_on(self) -> tuple[Self, Onward]:
        """Return the same engine for an invocation that carries out what it asks for, and that."""
        onward = Onward(self.ports.queues, self.time_limit or LONGEST)
        return replace(self, onward=onward), onward

    @property
    def time_is_up(self) -> bool:
        """Whether a long step should record how far it came and send itself on."""
        return self.slice.is_over(self.now)

    @property
    def holds_steps(self) -> bool:
        """Whether this invocation took on a step, which waits until it is done with its own."""
        return self.onward is not None and self.onward.holds

    def token(self) -> str:
        """Draw a token for one step or attempt."""
        return self.ports.clock.token()

    def seal(self) -> str:
        """Draw 128 random bits, as 32 hexadecimal digits."""
        return self.ports.clock.token() + self.ports.clock.token()

    def send(self, queue: Queue, message: Message, delay: timedelta = timedelta()) -> None:
        """Send a message to one of the engine's queues."""
        self.ports.queues.send(queue, message.model_dump_json(exclude_defaults=True), delay)

    def ask(self, message: WorkMessage) -> None:
        """Ask for a step: this invocation goes on with it if it may, else a message asks."""
        if self.onward is None or self.time_is_up or not self.onward.takes(message):
            self.send(Queue.WORK, message)

    def wake(self, step: Step, run: Run) -> None:
        """Ask for the next step of a run: `plan` or `assemble`."""
        self.ask(_message(step, run))

    def wake_at(self, step: Step, run: Run, at: datetime) -> None:
        """Ask for a step of a run once a time has come, such as the end of a lease."""
        self.send(Queue.WORK, _message(step, run), max(at - self.now, _AT_LEAST))

    def definition(self, run: Run) -> Pipeline:
        """Return the definition that the run started with, whatever was deployed since.

        Raises DefinitionUnreadable.
        """
        try:
            return _definition(run.definition)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "definition"
            raise DefinitionUnreadable(
                f"This release cannot read the definition of run {run.id} ({where}: "
                f"{first['msg']}). Deploy the release that started it, or start a new run."
            ) from error

    def definition_if_readable(self, run: Run) -> Pipeline | None:
        """Return the definition that the run started with, or None if it cannot be read."""
        try:
            return self.definition(run)
        except DefinitionUnreadable:
            return None

    def pool(self, run: Run) -> Pool:
        """Return the pool that a run needs. Raises Permanent when it is no longer defined."""
        pool = self.catalogue.pools.get(run.pool)
        if pool is None:
            raise Permanent(f"Pool {run.pool!r} is not defined: add pools/{run.pool}.yaml.")
        return pool

    def pool_id(self, run: Run) -> str:
        """Return the id of the Batch pool that a run uses."""
        return self.pool_id_of(self.pool(run))

    def pool_id_of(self, pool: Pool) -> str:
        """Return the id of the Batch pool behind a definition."""
        return physical_id(pool)


def _message(step: Step, run: Run) -> RunMessage:
    return RunMessage(step=step, run=run.id, generation=run.generation, traceparent=run.traceparent)


@functools.lru_cache(64)
def _definition(text: str) -> Pipeline:
    return Pipeline.from_json(text)


def context(run: Run, action: str) -> dict[str, object]:
    """Return the fields that a log record about a run carries."""
    return {
        "action": action,
        "run": run.id,
        "pipeline": run.pipeline,
        "generation": run.generation,
        "state": str(run.state),
        "by": str(run.cancelled_by or run.by or ""),
    }
