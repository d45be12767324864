"""Writes and reads the backups of runs, and notices a ledger that was lost.

A generation has two: of its published plan, and of its end. With them `fanfare ledger rebuild`
puts rows back, and no input runs twice.
"""

from collections.abc import Iterator
from contextlib import suppress

from pipeline.domain.health.findings import REBUILD_LEDGER
from pipeline.domain.runs.keeping import backups
from pipeline.domain.runs.keeping.backups import Backup, Marks, Phase
from pipeline.domain.runs.keeping.tombstones import tombstone
from pipeline.domain.runs.naming import BlobRef, pipeline_of
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound, Transient
from pipeline.handlers.engine import Engine, log
from pipeline.ledger import index

_JSON = "application/json"


class LedgerLost(Transient):
    """The ledger knows no run of a pipeline, but backups do."""


def keep(engine: Engine, run: Run, phase: Phase) -> None:
    """Write a backup of a run unless it is there."""
    with suppress(Conflict):
        engine.ports.writer.write(backups.blob(run, phase), _content(engine, run), "*", _JSON)


def bury(engine: Engine, run: Run) -> None:
    """Keep of a run's backups only that of its tombstone; a second call is harmless."""
    left = run.model_copy(update={"purged_at": run.purged_at or engine.now})
    gone = backups.blob(run, Phase.GONE)
    content = _content(engine, tombstone(left, engine.now, run.step))
    engine.ports.writer.write(gone, content, None, _JSON)
    for ref in _of(engine, run.id):
        if ref != gone:
            engine.ports.writer.delete(ref)


def forget(engine: Engine, run: str) -> None:
    """Delete the backups of a run; a second call is harmless."""
    for ref in _of(engine, run):
        engine.ports.writer.delete(ref)


def note_marks(engine: Engine, pipeline: str, marks: Marks) -> None:
    """Write a pipeline's marks in place of the earlier ones."""
    content = marks.model_dump_json().encode()
    engine.ports.writer.write(backups.marks(pipeline), content, None, _JSON)


def marks_of(engine: Engine, pipeline: str) -> Marks | None:
    """Read a pipeline's marks; None if there are none. Raises BackupInvalid."""
    try:
        content = engine.ports.blobs.read(backups.marks(pipeline), 0, backups.MAX_BACKUP_BYTES)
    except NotFound:
        return None
    return backups.parse_marks(content)


def is_lost(engine: Engine, pipeline: str) -> bool:
    """Return whether the ledger knows no run of a pipeline, but backups do."""
    return not index.is_registered(engine.ports.tables, pipeline) and _has_any(engine, pipeline)


def check_first(engine: Engine, pipeline: str) -> None:
    """Check that what the ledger takes for a pipeline's first run is that. Raises LedgerLost."""
    if _has_any(engine, pipeline):
        log.error("Ledger lost: no run starts", extra={"action": "claim", "pipeline": pipeline})
        raise LedgerLost(
            f"The ledger lost the runs of pipeline {pipeline}: their backups are there, their rows "
            f"are not. No run starts until they are put back, lest an input runs twice: run "
            f"`{REBUILD_LEDGER}`."
        )


def with_marks(engine: Engine) -> Iterator[str]:
    """Yield the pipelines that have a backup of their marks."""
    folder = backups.marks()
    for facts in engine.ports.blobs.list(folder.container, folder.name):
        yield backups.pipeline_of_marks(facts.ref.name)


def _has_any(engine: Engine, pipeline: str) -> bool:
    if engine.ports.blobs.head(backups.marks(pipeline)):
        return True
    prefix = backups.of_pipeline(pipeline)
    names = (facts.ref.name for facts in engine.ports.blobs.list(prefix.container, prefix.name))
    found = (backups.parse_name(name) for name in names)
    return any(name and pipeline_of(name.run) == pipeline for name in found)


def _of(engine: Engine, run: str) -> list[BlobRef]:
    folder = backups.folder(run)
    return [facts.ref for facts in engine.ports.blobs.list(folder.container, folder.name)]


def _content(engine: Engine, run: Run) -> bytes:
    return Backup(at=engine.now, run=run).model_dump_json().encode()
