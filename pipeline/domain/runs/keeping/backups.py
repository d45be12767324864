"""Backups: copies of a run's row in Blob Storage, from which a lost ledger is rebuilt.

A generation has a backup of its beginning and one of its end; each is written once, so a late
invocation cannot replace the end by a beginning. Nodes can neither read nor write them.
"""

import re
from datetime import datetime
from enum import StrEnum

from pydantic import ValidationError

from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Permanent

MAX_BACKUP_BYTES = 2 << 20  # a row of Table Storage has at most 1 MiB
_FOLDER = ".backup/runs/"
_MARKS = ".backup/pipelines/"
_NAME = re.compile(
    r"\.backup/runs/(?P<run>[a-z0-9-]{1,60})/"
    r"(?:g(?P<generation>[1-9][0-9]{0,3})-(?P<phase>split|begun|ended)|(?P<gone>gone))\.json"
)


class Phase(StrEnum):
    """How far a run was when its backup was written, in this order; `gone` is its tombstone."""

    SPLIT = "split"
    BEGUN = "begun"
    ENDED = "ended"
    GONE = "gone"


_ORDER = list(Phase)


class BackupInvalid(Permanent):
    """A backup is malformed, or is not that of the run whose name it has."""


class Backup(Stored):
    """The content of a backup."""

    version: int = 1
    at: datetime
    run: Run


class Marks(Stored):
    """The content of a pipeline's backup: how far timers had looked, and what they had forgotten.

    Below `watermark` runs may be forgotten. From `since` on, runs have backups. The others are as
    in the ledger's watermarks.
    """

    version: int = 1
    at: datetime
    since: datetime | None = None
    watermark: datetime | None = None
    activated: datetime | None = None
    swept: datetime | None = None
    ticked: datetime | None = None


class BackupName(Stored):
    """What the name of a backup says; only this identity counts."""

    run: str
    generation: int
    phase: Phase

    @property
    def rank(self) -> tuple[bool, int, int]:
        """What orders the backups of one run: the last one counts."""
        return self.phase is Phase.GONE, self.generation, _ORDER.index(self.phase)


def folder(run: str = "") -> BlobRef:
    """Return the folder of a run's backups, or that of all."""
    return BlobRef(naming.ENGINE, f"{_FOLDER}{run}/" if run else _FOLDER)


def of_pipeline(pipeline: str) -> BlobRef:
    """Return the prefix of all backups of a pipeline's runs, and of those whose name is longer."""
    return BlobRef(naming.ENGINE, f"{_FOLDER}{pipeline}-")


def blob(run: Run, phase: Phase) -> BlobRef:
    """Name the backup of a run's present generation."""
    return named(BackupName(run=run.id, generation=run.generation, phase=phase))


def named(name: BackupName) -> BlobRef:
    """Return the backup with this name."""
    if name.phase is Phase.GONE:
        return BlobRef(naming.ENGINE, f"{_FOLDER}{name.run}/{name.phase}.json")
    generation = naming.Generation(name.run, name.generation)
    return BlobRef(naming.ENGINE, f"{_FOLDER}{generation.folder}-{name.phase}.json")


def marks(pipeline: str = "") -> BlobRef:
    """Name the backup of a pipeline's marks, or return the folder of all."""
    return BlobRef(naming.ENGINE, f"{_MARKS}{pipeline}.json" if pipeline else _MARKS)


def pipeline_of_marks(name: str) -> str:
    """Return the pipeline whose marks a blob of the folder has."""
    return name.removeprefix(_MARKS).removesuffix(".json")


def parse_name(name: str) -> BackupName | None:
    """Parse the name of a run's backup; return None for another name."""
    match = _NAME.fullmatch(name)
    if match is None or naming.pipeline_of(match["run"]) is None:
        return None
    phase = Phase(match["phase"] or match["gone"])
    return BackupName(run=match["run"], generation=int(match["generation"] or 0), phase=phase)


def parse_backup(content: bytes, name: BackupName) -> Run:
    """Read a backup. Raises BackupInvalid, which says what is wrong."""
    if len(content) > MAX_BACKUP_BYTES:
        raise BackupInvalid(f"it has more than {MAX_BACKUP_BYTES:,} bytes")
    try:
        run = Backup.model_validate_json(content).run
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BackupInvalid(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if run.id != name.run or run.pipeline != naming.pipeline_of(name.run):
        raise BackupInvalid("it is that of another run")
    if name.phase is not Phase.GONE and run.generation != name.generation:
        raise BackupInvalid("it is that of another generation")
    if run.over is not (name.phase in (Phase.ENDED, Phase.GONE)):
        raise BackupInvalid(f"the run is {run.state}, which is not the state of its name")
    return run


def parse_marks(content: bytes) -> Marks:
    """Read a pipeline's backup. Raises BackupInvalid."""
    try:
        return Marks.model_validate_json(content)
    except ValidationError as error:
        raise BackupInvalid("the marks are malformed") from error
