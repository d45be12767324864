"""Commits an output: it appears whole or not at all, and once, however many invocations try.

A conditional write chooses one assembler's files. Every invocation copies the chosen files that are
not there yet. The conditional write of the manifest is the commit; an invocation that comes second
adopts what the first one wrote.
"""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.outputs.content_types import content_type_of
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import AssembledFile, Digest, Manifest, Missing, OutputFile
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict, NotFound, Permanent
from pipeline.handlers.collecting.accounts import Counts
from pipeline.handlers.engine import Engine

_JSON = "application/json"
_COPIERS = 8
SMALL = 4 << 20  # bytes


class Chosen(Stored):
    """The result of one assembler, which every invocation commits: files, and what is missing."""

    files: tuple[AssembledFile, ...]
    missing: tuple[Missing, ...]
    counts: Counts


class Spoiled(Permanent):
    """The commit record was deleted or changed by someone else."""


@dataclass(frozen=True)
class Committed:
    """A committed output: its manifest, and the blob and ETag of the manifest."""

    manifest: Manifest
    ref: BlobRef
    etag: str


def choose(engine: Engine, run: Run, mine: Chosen) -> Chosen:
    """Offer this assembler's result; return the one that counts, which is the first offered.

    Raises Spoiled.
    """
    with suppress(Conflict):
        engine.ports.writer.write(run.names.chosen, mine.model_dump_json().encode(), "*", _JSON)
        return mine
    return chosen(engine, run)


def chosen(engine: Engine, run: Run) -> Chosen:
    """Read the chosen result. Raises Spoiled."""
    ref = run.names.chosen
    try:
        return Chosen.model_validate_json(engine.ports.blobs.read(ref))
    except NotFound as error:
        raise Spoiled(f"The blob {ref.name}, which says what to commit, was deleted.") from error
    except ValidationError as error:
        raise Spoiled(f"The blob {ref.name}, which says what to commit, was changed.") from error


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

    Returns the committed manifest. Raises NotFound, or Spoiled.
    """
    manifest = Manifest(
        run=run.id,
        pipeline=run.pipeline,
        generation=run.generation,
        created_at=engine.now,
        caused_at=run.origin.at,
        input=run.input,
        parameters=run.parameters,
        files=_copy_all(engine, what.files, run),
        items=what.counts.succeeded + what.counts.failed,
        succeeded=what.counts.succeeded,
        without_output=what.counts.without_output,
        missing=what.missing,
        missing_total=what.counts.failed,
        node_seconds=what.counts.node_seconds,
    )
    ref = run.names.manifest
    content = manifest.model_dump_json(indent=2).encode()
    with suppress(Conflict):
        return Committed(manifest, ref, engine.ports.writer.write(ref, content, "*", _JSON))
    adopted = committed(engine, run)
    if adopted is None:
        raise Conflict(f"The blob {ref.name} was deleted just now.")
    return adopted


def _copy_all(engine: Engine, files: Sequence[AssembledFile], run: Run) -> tuple[OutputFile, ...]:
    """Copy the files, several at a time. Raises NotFound, or Permanent for bytes not as claimed."""
    if len(files) == 1:
        return (_copy(engine, files[0], run),)
    with ThreadPoolExecutor(_COPIERS) as pool:
        return tuple(pool.map(lambda file: _copy(engine, file, run), files))


def _copy(engine: Engine, file: AssembledFile, run: Run) -> OutputFile:
    """Copy one file unless it is there, and describe the bytes that are in the output now.

    Raises NotFound, or Permanent for bytes that are not those that were made.
    """
    target = run.names.output(file.name)
    kind = file.content_type or content_type_of(file.name)
    etag, digest, size = _put(engine, file, target, kind)
    if size != file.size or digest != (file.claimed or digest):
        raise Permanent(
            f"{file.name!a} is not what was made: {size:,} bytes with SHA-256 {digest[:12]}… "
            f"instead of {file.size:,} with {(file.claimed or digest)[:12]}…"
        )
    return OutputFile(
        name=file.name,
        url=engine.ports.blobs.url(target),
        size=size,
        etag=etag,
        digest=Digest(value=digest),
        content_type=kind,
    )


def _put(engine: Engine, file: AssembledFile, target: BlobRef, kind: str) -> tuple[str, str, int]:
    """Copy one file; return ETag, SHA-256 and size of what is there.

    The bytes of a small file pass through this process, which needs two calls. Storage copies a
    large one by itself, and then it is read.
    """
    source = BlobRef(naming.WORK, file.source)
    if file.size <= SMALL:
        with suppress(Conflict):  # it is there already: look at what it is
            content = engine.ports.blobs.read(source, 0, SMALL + 1)
            digest = hashlib.sha256(content).hexdigest()
            if len(content) == file.size and digest == (file.claimed or digest):
                etag = engine.ports.writer.write(target, content, "*", kind)
                return etag, digest, len(content)
            return "", digest, len(content)
    facts = engine.ports.writer.copy(source, target, kind)
    found, size = hashlib.sha256(), 0
    for chunk in engine.ports.blobs.stream(target):
        found.update(chunk)
        size += len(chunk)
    return facts.etag, found.hexdigest(), size
