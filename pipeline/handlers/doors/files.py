"""Files over HTTP: where a caller uploads an input, and where the files of an output are.

The app moves no bytes itself. It signs URLs of Storage for an hour: one creates one blob, others
read one each. So callers need no role on the storage account.
"""

import hashlib
from datetime import datetime, timedelta
from itertools import islice

from pydantic import BaseModel, ConfigDict, Field

from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import Digest, OutputFile, PageChanged
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.handlers.collecting.standing import manifest_of, output_files
from pipeline.handlers.doors.bodies import InputBlob, UploadRequest, read
from pipeline.handlers.doors.http import Reply, whole_number
from pipeline.handlers.engine import Engine
from pipeline.ledger import runs

MAX_FILES, MAX_SKIPPED = 1000, 10_000_000
_LASTS = timedelta(hours=1)


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class Upload(_Answer):
    """Where an input goes: `PUT` its bytes to `url`, then start a run with `input`."""

    input: InputBlob
    uploaded: bool = Field(description="Whether this caller has uploaded this file before.")
    url: str = Field(description="A signed URL of Storage; it creates this blob, once.")
    expires_at: datetime


class File(_Answer):
    """A file of an output."""

    name: str = Field(description="A relative path with `/`; a program chose it.")
    size: int
    digest: Digest
    content_type: str
    url: str = Field(description="A signed URL of Storage; it reads this file.")


class ManifestPage(_Answer):
    """A file of an output that lists others."""

    name: str
    url: str = Field(description="A signed URL of Storage; it reads this file.")


class Outputs(_Answer):
    """Some files of a run's output."""

    run: str
    generation: int
    manifest: str = Field(description="A signed URL of Storage; it reads the manifest.")
    total: int = Field(description="How many files the output has.")
    files: list[File]
    pages: list[ManifestPage] = Field(
        description="Files that list the others, if the manifest has pages. They do not count."
    )
    expires_at: datetime


def upload(engine: Engine, body: bytes, encoding: str | None = None) -> Reply:
    """Name a blob for an upload, and sign its URL; nothing is stored yet.

    With a digest the caller gets the same name for the same file; callers share no names.
    """
    request = read(UploadRequest, body, encoding)
    folder = _folder(engine, request.sha256) if request.sha256 else engine.seal()
    ref = naming.upload(folder, request.name)
    until = _until(engine)
    url = engine.ports.signer.creating(engine.ports.blobs.url(ref), until)
    source = InputBlob(container=ref.container, name=ref.name)
    there = bool(request.sha256) and engine.ports.blobs.head(ref) is not None
    return _reply(Upload(input=source, uploaded=there, url=url, expires_at=until))


def outputs(
    engine: Engine, run_id: str, skip: str | None = None, limit: str | None = None
) -> Reply:
    """List files of a run's output with signed URLs, in the order of the manifest.

    Raises Conflict while the run has no output, and NotFound when its manifest or a page is gone.
    """
    first = whole_number("skip", skip, 0, 0, MAX_SKIPPED)
    count = whole_number("limit", limit, MAX_FILES, 1, MAX_FILES)
    run = runs.need(engine.ports.tables, run_id).run
    if run.output is None:
        raise Conflict(f"Run {run.id} has no output: it is {run.state}.")
    manifest = manifest_of(engine, run)
    if manifest is None:
        raise NotFound(f"The output of run {run.id} was deleted, or its manifest is unreadable.")
    until = _until(engine)
    try:
        chosen = list(islice(output_files(engine, run, manifest, first), count))
    except PageChanged as error:
        raise NotFound(str(error)) from error
    return _reply(
        Outputs(
            run=run.id,
            generation=manifest.generation,
            manifest=engine.ports.signer.reading(engine.ports.blobs.url(run.names.manifest), until),
            total=manifest.total,
            files=[_file(engine, run, file, until) for file in chosen],
            pages=[
                ManifestPage(name=page.name, url=_signed(engine, run, page.name, until))
                for page in manifest.pages
            ],
            expires_at=until,
        )
    )


def _folder(engine: Engine, sha256: str) -> str:
    owner = f"{engine.by.kind} {engine.by.id} {sha256}"
    return hashlib.sha256(owner.encode()).hexdigest()[:32]


def _file(engine: Engine, run: Run, file: OutputFile, until: datetime) -> File:
    return File(
        name=file.name,
        size=file.size,
        digest=file.digest,
        content_type=file.content_type,
        url=_signed(engine, run, file.name, until),
    )


def _signed(engine: Engine, run: Run, name: str, until: datetime) -> str:
    """Sign a file of an output by its name: whoever changed the manifest must not choose it."""
    return engine.ports.signer.reading(engine.ports.blobs.url(run.names.output(name)), until)


def _until(engine: Engine) -> datetime:
    return (engine.now + _LASTS).replace(microsecond=0)


def _reply(answer: _Answer) -> Reply:
    return Reply(200, answer.model_dump(mode="json"))
