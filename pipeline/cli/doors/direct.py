"""The port over a target's own Storage and Batch, with the engine in this process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from pipeline.cli.doors.door import LOG_BYTES, Advance, Listed, Logs, Outputs, Wanted
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting import standing
from pipeline.handlers.collecting.logs import logs_of
from pipeline.handlers.collecting.standing import FailedItem, Standing
from pipeline.handlers.doors import http
from pipeline.handlers.ending import steer
from pipeline.handlers.engine import Engine
from pipeline.handlers.running.versions import unlike_the_run
from pipeline.handlers.starting.start import start_for_request
from pipeline.ledger import index, runs

_SEARCHED = 200  # runs of each pipeline
CHUNK = 4 << 20


@dataclass(frozen=True)
class DirectDoor:
    """The commands' way into an engine; `steering` returns the one that knows who asks."""

    engine: Engine
    steering: Callable[[], Engine]
    poll_s: float = 0.4

    @property
    def now(self) -> datetime:
        """The time of the engine's clock."""
        return self.engine.now

    def latest(self, pipeline: str | None, limit: int, *, active: bool = False) -> Listed:
        """List the latest runs."""
        found = http.latest(self.engine, pipeline, limit, active=active)
        return Listed(found.runs, [str(error) for error in found.damaged])

    def find(self, run: str) -> Run | None:
        """Return the run with this id."""
        held = runs.load(self.engine.ports.tables, run)
        return held.run if held else None

    def beginning(self, text: str) -> list[str]:
        """Name the runs whose ids begin so."""
        tables = self.engine.ports.tables
        everyone = (
            run
            for name in index.pipelines(tables)
            for run in islice(index.recent(tables, name), _SEARCHED)
        )
        return [run for run in everyone if run.startswith(text)]

    def standing(self, run: str, *, ask: bool = True) -> Standing:
        """Read how a run stands."""
        return standing.standing(self.engine, run, ask=ask)

    def failed(self, run: Run, limit: int) -> list[FailedItem]:
        """Return the first items that failed."""
        return standing.failed_items(self.engine, run, limit)

    def manifest(self, run: Run) -> Manifest | None:
        """Return the manifest of a run's output."""
        return standing.manifest_of(self.engine, run)

    def edited(self, run: Run) -> list[str]:
        """Name the files that are here in another version."""
        return unlike_the_run(self.engine, run)

    def start(self, wanted: Wanted, advance: Advance) -> str:
        """Start a run through the handler that HTTP requests use."""
        engine, source = self.steering(), None
        if wanted.file is not None:
            # Where no trigger looks: in `input` the upload itself might start a run.
            ref = naming.upload(engine.token(), wanted.name or wanted.file.name)
            source = engine.ports.writer.upload(ref, chunks_of(wanted.file, advance))
        pipeline = engine.catalogue.pipeline(wanted.pipeline)
        key = wanted.key or engine.token()
        return start_for_request(engine, pipeline, key, source, wanted.parameters).run.id

    def cancel(self, run: str) -> Run:
        """Cancel a run."""
        return steer.cancel(self.steering(), run)

    def redrive(self, run: str) -> Run:
        """Execute again what failed."""
        return steer.redrive(self.steering(), run)

    def outputs(self, run: Run) -> Outputs:
        """Open the committed output of a run."""
        return _Blobs(self.engine, run)

    def logs(self, run: Run, unit: str) -> Logs:
        """Read the logs of a unit, or of all."""
        return Logs(logs_of(self.engine, run, unit, LOG_BYTES))


@dataclass(frozen=True)
class _Blobs:
    """The output of a run as its blobs."""

    engine: Engine
    run: Run

    def manifest(self) -> tuple[str, bytes] | None:
        """Return the manifest's present ETag and bytes."""
        blobs, ref = self.engine.ports.blobs, self.run.names.manifest
        facts = blobs.head(ref)
        try:
            return (facts.etag, blobs.read(ref)) if facts else None
        except NotFound:
            return None

    def stream(self, name: str, offset: int) -> Iterator[bytes]:
        """Yield a file of the output."""
        return self.engine.ports.blobs.stream(self.run.names.output(name), offset)


def chunks_of(file: Path, advance: Advance) -> Iterator[bytes]:
    """Yield the bytes of a file, and tell `advance` of those that were taken."""
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            yield chunk
            advance(len(chunk))
