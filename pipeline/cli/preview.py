"""Plans a run without starting it: the planner itself works over ports that only read."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Never, cast
from urllib.parse import quote

from pipeline.adapters.clock import SystemClock
from pipeline.cli.exits import CommandError
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.room import slots_of
from pipeline.domain.plans.delivery import downloaded, nodes_own
from pipeline.domain.plans.plan import Page
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Input, Origin, OriginKind, Run
from pipeline.domain.texts.visible import visible
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning.pages import plan_pages, resolve_parameters
from pipeline.handlers.running.stages import OnNode
from pipeline.handlers.starting.start import input_of
from pipeline.ports.blobs import BlobFacts, Blobs, ListedPage
from pipeline.ports.world import Ports
from pipeline.settings import Patience

LOCAL = "local-file"
_HOUR_S = 3600


@dataclass(frozen=True)
class Preview:
    """A plan, with estimates of what it would take."""

    pipeline: Pipeline
    pool: Pool
    run: Run
    pages: list[Page]

    @property
    def tasks(self) -> int:
        """How many Batch tasks there would be."""
        return sum(len(page.tasks) for page in self.pages)

    @property
    def items(self) -> int:
        """How many items they would carry."""
        return sum(len(task.items) for page in self.pages for task in page.tasks)

    @property
    def items_per_task(self) -> int:
        """How many items the fullest task would carry."""
        return max((len(task.items) for page in self.pages for task in page.tasks), default=0)

    @property
    def slots(self) -> int:
        """How many slots of a node a task takes."""
        return slots_of(self.pipeline.task, self.pool)

    @property
    def at_once(self) -> int:
        """How many tasks the pool runs at a time when it has grown."""
        return self.pool.nodes.maximum * (self.pool.slots // self.slots)

    @property
    def delivery(self) -> str:
        """How the run's input comes to the items; "" without one."""
        return next((file.delivery for page in self.pages for file in page.inputs), "")

    @property
    def downloads(self) -> int:
        """How many bytes of inputs nodes download at most, without retries."""
        once = {file.file: file.size for page in self.pages for file in nodes_own(page)}
        tasks = sum(downloaded(page, task) for page in self.pages for task in page.tasks)
        return tasks + self.pool.nodes.maximum * sum(once.values())

    def node_seconds(self, seconds_per_item: float) -> float:
        """Estimate the node-seconds if every item takes this long on its slots."""
        return self.items * seconds_per_item * self.pool.share(self.slots)

    def cost(self, node_seconds: float) -> float | None:
        """Estimate the cost of node-seconds."""
        per_hour = self.pool.per_hour
        return None if per_hour is None else node_seconds / _HOUR_S * per_hour

    def at_most(self) -> float:
        """Return the most node-seconds that the item limit allows, without retries."""
        return self.node_seconds(self.pipeline.limits.item.total_seconds())


class LocalBlobs:
    """One local file as a blob, and the target's blobs, which are asked only if needed."""

    def __init__(self, file: Path | None, target: Callable[[], Blobs]) -> None:
        self._file = file
        self._target = target

    def head(self, ref: BlobRef) -> BlobFacts | None:
        """Return the facts of a blob of the target; the local file has no metadata."""
        return None if ref.container == LOCAL else self._target().head(ref)

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        """Read the file, or a blob of the target."""
        if ref.container != LOCAL or self._file is None:
            return self._target().read(ref, offset, length)
        with self._file.open("rb") as opened:
            opened.seek(offset)
            return opened.read(-1 if length is None else length)

    def stream(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield the content at once, since this process serves only one user."""
        yield self.read(ref, offset, length)

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        """List blobs of the target."""
        return self._target().list(container, prefix)

    def list_pages(
        self, container: str, prefix: str, marker: str = "", per_page: int = 5_000
    ) -> Iterator[ListedPage]:
        """List blobs of the target by pages."""
        return self._target().list_pages(container, prefix, marker, per_page)

    def url(self, ref: BlobRef) -> str:
        """Return a URL of where the content is now."""
        return f"file:{quote(ref.name)}" if ref.container == LOCAL else self._target().url(ref)


@dataclass(frozen=True)
class Source:
    """The input of a run, and the blobs that planning reads."""

    input: Input | None
    blobs: Blobs


class _NoWrites:
    """The writing port of a preview: a snapshot is the blob as it is."""

    def snapshot(self, ref: BlobRef, _etag: str) -> BlobRef:
        """Return the blob itself."""
        return ref


class _Nothing:
    """A port that planning does not need."""

    def __getattr__(self, verb: str) -> Never:
        raise CommandError(f"Planning without a run needs {verb}, which would change something.")


def preview(
    catalogue: Catalogue, definition: Pipeline, source: Source, given: Mapping[str, object]
) -> Preview:
    """Plan a run without claiming it. Raises the error that makes planning impossible."""
    if definition.split.on_node is not None:
        raise CommandError(
            f"The split of {definition.name} is a program that runs on a node: "
            "its items are known only after it has run. `fanfare try` runs it here.",
        )
    engine, now = _engine(catalogue, source), datetime.now(UTC)
    run = Run(
        id=naming.run_id(definition.name, ("plan",)),
        pipeline=definition.name,
        origin=Origin(kind=OriginKind.REQUEST, key=("plan",), at=now),
        input=source.input,
        parameters={name: str(value) for name, value in given.items()},
        definition=definition.to_json(),
        pool=definition.pool,
        created_at=now,
        changed_at=now,
    )
    run = run.model_copy(update={"parameters": resolve_parameters(engine, run)})
    made = plan_pages(engine, run)
    pages = [] if isinstance(made, OnNode) else list(made)
    return Preview(definition, engine.pool(run), run, pages)


def local_source(file: Path | None, target: Callable[[], Blobs]) -> Source:
    """Use a local file, or nothing, as the input of a run."""
    if file is None:
        return Source(None, LocalBlobs(None, target))
    blobs = LocalBlobs(file, target)
    url = blobs.url(BlobRef(LOCAL, file.name))
    given = Input(container=LOCAL, name=file.name, etag="", size=file.stat().st_size, url=url)
    return Source(given, blobs)


def blob_source(container: str, name: str, target: Callable[[], Blobs]) -> Source:
    """Use a blob of the target as the input of a run. Raises CommandError if it does not exist."""
    facts = target().head(BlobRef(container, name))
    if facts is None:
        raise CommandError(f"There is neither a file nor a blob {container}/{visible(name)}.")
    return Source(input_of(facts, target().url(facts.ref)), LocalBlobs(None, target))


def _engine(catalogue: Catalogue, source: Source) -> Engine:
    """Make an engine that can only plan."""
    others = dict.fromkeys(("tables", "queues", "jobs", "cluster", "events"), _Nothing())
    world = SimpleNamespace(blobs=source.blobs, writer=_NoWrites(), clock=SystemClock(), **others)
    return Engine(cast("Ports", world), catalogue, Patience(), {})
