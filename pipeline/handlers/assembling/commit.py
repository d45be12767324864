"""Commits an output: it appears whole or not at all, and once, however many invocations try.

A conditional write chooses one assembler's files. Every invocation copies the chosen files that are
not there yet. The conditional write of the manifest is the commit; an invocation that comes second
adopts what the first one wrote.
"""

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.runs.manifest import Manifest, Missing
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.handlers.assembling.copying import copy_all
from pipeline.handlers.assembling.lists import FileList
from pipeline.handlers.collecting.accounts import Counts
from pipeline.handlers.engine import Engine
from pipeline.handlers.kept import Spoiled

_JSON = "application/json"


class Chosen(FileList):
    """The result of one assembler, which every invocation commits: files, and what is missing."""

    missing: tuple[Missing, ...]
    counts: Counts


@dataclass(frozen=True)
class Committed:
    """A committed output: its manifest, and the blob and ETag of the manifest."""

    manifest: Manifest
    ref: BlobRef
    etag: str


def choose(engine: Engine, run: Run, mine: Chosen) -> tuple[Chosen, str]:
    """Offer this assembler's result; return the first that was offered, with its SHA-256.

    Raises Spoiled.
    """
    content = mine.model_dump_json().encode()
    try:
        engine.ports.writer.write(run.names.chosen, content, "*", _JSON)
    except Conflict:
        return _read_chosen(engine, run)
    return mine, hashlib.sha256(content).hexdigest()


def chosen(engine: Engine, run: Run) -> Chosen:
    """Read the result that the run notes as chosen. Raises Spoiled."""
    found, digest = _read_chosen(engine, run)
    if digest != (run.chosen or digest):
        raise _changed(run.names.chosen)
    return found


def _read_chosen(engine: Engine, run: Run) -> tuple[Chosen, str]:
    ref = run.names.chosen
    try:
        content = engine.ports.blobs.read(ref)
        return Chosen.model_validate_json(content), hashlib.sha256(content).hexdigest()
    except NotFound as error:
        raise Spoiled(f"The blob {ref.name}, which says what to commit, was deleted.") from error
    except ValidationError as error:
        raise _changed(ref) from error


def _changed(ref: BlobRef) -> Spoiled:
    return Spoiled(f"The blob {ref.name}, which says what to commit, was changed.")


def committed(engine: Engine, run: Run) -> Committed | None:
    """Return the run's output if it is committed. Raises Spoiled if the manifest is another one."""
    ref = run.names.manifest
    facts = engine.ports.blobs.head(ref)
    if facts is None:
        return None
    try:
        manifest = Manifest.model_validate_json(engine.ports.blobs.read(ref))
    except ValidationError as error:
        raise Spoiled(f"The blob {ref.name} exists already and is not a manifest.") from error
    if (manifest.run, manifest.generation) != (run.id, run.generation):
        raise Spoiled(f"The blob {ref.name} exists already: it is the manifest of another run.")
    return Committed(manifest, ref, facts.etag)


def commit(engine: Engine, run: Run, what: Chosen) -> Committed:
    """Copy the chosen files to the output's immutable folder and write the manifest.

    Returns the committed manifest. Raises what `copy_all` does.
    """
    files, pages = copy_all(engine, run, what)
    manifest = Manifest(
        version=2 if pages else 1,
        run=run.id,
        pipeline=run.pipeline,
        generation=run.generation,
        created_at=engine.now,
        caused_at=run.origin.at,
        by=run.by,
        input=run.input,
        parameters=run.parameters,
        images={name: image.digest for name, image in run.images.items()},
        files=files,
        pages=pages,
        items=what.counts.succeeded + what.counts.failed,
        succeeded=what.counts.succeeded,
        without_output=what.counts.without_output,
        missing=what.missing,
        missing_total=what.counts.failed,
        node_seconds=what.counts.node_seconds,
        devices=what.counts.devices,
    )
    ref = run.names.manifest
    content = manifest.model_dump_json(indent=2).encode()
    with suppress(Conflict):
        return Committed(manifest, ref, engine.ports.writer.write(ref, content, "*", _JSON))
    adopted = committed(engine, run)
    if adopted is None:
        raise Conflict(f"The blob {ref.name} was deleted just now.")
    return adopted
