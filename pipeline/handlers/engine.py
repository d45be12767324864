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
from pipeline.domain.runs.asking.askers import ENGINE, Asker
from pipeline.domain.runs.messages import Message, Queue, RunMessage
from pipeline.domain.runs.run import Run
from pipeline.errors import Permanent, Transient
from pipeline.ports.world import Ports
from pipeline.settings import Patience, Retention

log = logging.getLogger("fanfare")


class DefinitionUnreadable(Transient):
    """A later release started the run, and only its instances can read the run's definition."""


@dataclass(frozen=True)
class Engine:
    """The ports, the definitions, the patience, and the files of task_scripts/ by name.

    `archives` are files of task_scripts/ that are too large to be held. `local` means that the
    services are the stack on this machine, not Azure. With `gpu_optional` a task that asks for a
    GPU runs on the CPU of a node that has none. `by` is who asks for what this invocation does: the
    engine itself, unless a door knows better.
    """

    ports: Ports
    catalogue: Catalogue
    patience: Patience
    scripts: Mapping[str, bytes]
    archives: Mapping[str, Archive] = field(default_factory=dict)
    local: bool = False
    gpu_optional: bool = False
    by: Asker = ENGINE
    retention: Retention = field(default_factory=Retention)

    @property
    def now(self) -> datetime:
        """The time, UTC."""
        return self.ports.clock.now()

    def asked_by(self, by: Asker) -> Self:
        """Return the same engine for somebody: what it starts or changes is recorded as theirs."""
        return replace(self, by=by)

    def token(self) -> str:
        """Draw a token for one step or attempt."""
        return self.ports.clock.token()

    def seal(self) -> str:
        """Draw 128 random bits, as 32 hexadecimal digits."""
        return self.ports.clock.token() + self.ports.clock.token()

    def send(self, queue: Queue, message: Message, delay: timedelta = timedelta()) -> None:
        """Send a message to one of the engine's queues."""
        self.ports.queues.send(queue, message.model_dump_json(exclude_defaults=True), delay)

    def wake(self, queue: Queue, run: Run) -> None:
        """Ask for the next step of a run: `plan` or `assemble`."""
        self.send(
            queue,
            RunMessage(run=run.id, generation=run.generation, traceparent=run.traceparent),
        )

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
