"""Commits an output: it appears whole or not at all, and once, however many invocations try.

A conditional write chooses one assembler's files. Every invocation copies the chosen files that are
not there yet. The conditional write of the manifest is the commit; an invocation that comes second
adopts what the first one wrote.
"""

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass

from pydantic import ValidationError

from pipeline.domain.outputs.content_types import content_type_of
from pipeline.domain.runs.manifest import AssembledFile, Digest, Manifest, Missing, OutputFile
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent
from pipeline.handlers.collecting.accounts import Counts
from pipeline.handlers.engine import Engine
from pipeline.ledger.leases import Lease

_JSON = "application/json"
_COPIERS = 8
_FEW, _SLICE = 16, 200  # files
_RENEWED_S = 20
SMALL = 4 << 20  # bytes


class Chosen(Stored):
    """The result of one assembler, which every invocation commits: files, and what is missing."""

    files: tuple[AssembledFile, ...]
    missing: tuple[Missing, ...]
    counts: Counts


class Spoiled(Permanent):
    """The commit record was deleted or changed by someone else."""


class Elsewhere(FanfareError):
    """Another instance does this step; nothing is left to do here."""


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

    Returns the committed manifest. Raises NotFound, or Spoiled.
    """
    manifest = Manifest(
        run=run.id,
        pipeline=run.pipeline,
        generation=run.generation,
        created_at=engine.now,
        caused_at=run.origin.at,
        by=run.by,
        input=run.input,
        parameters=run.parameters,
        images={name: image.digest for name, image in run.images.items()},
        files=_copy_all(engine, what.files, run),
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


def _copy_all(engine: Engine, files: Sequence[AssembledFile], run: Run) -> tuple[OutputFile, ...]:
    """Copy the files, several at a time. Raises NotFound, or Permanent for bytes not as claimed.

    Many files are copied by one instance at a time: others would only read what is there. Raises
    Elsewhere if another one does.
    """
    if len(files) <= _FEW:
        return tuple(_copy(engine, file, run, there=False) for file in files)
    lease = Lease(engine.ports.tables, run.pipeline, run.id, engine.token())
    present = {ref.name for ref in _present(engine, run)} if lease.take(engine.now) else set()
    copied: list[OutputFile] = []
    with ThreadPoolExecutor(_COPIERS) as pool:
        for some in itertools.batched(files, _SLICE, strict=False):
            if not lease.take(engine.now):
                raise Elsewhere(f"Another instance commits the output of {run.id}.")
            work = [
                pool.submit(_copy, engine, file, run, there=_target(run, file).name in present)
                for file in some
            ]
            while wait(work, _RENEWED_S).not_done:
                lease.take(engine.now)
            copied += [one.result() for one in work]
    lease.release()
    return tuple(copied)


def _present(engine: Engine, run: Run) -> Iterator[BlobRef]:
    """Yield what an instance before this one has copied."""
    folder = run.names.output("")
    for facts in engine.ports.blobs.list(folder.container, folder.name):
        yield facts.ref


def _target(run: Run, file: AssembledFile) -> BlobRef:
    return run.names.output(file.name)


def _copy(engine: Engine, file: AssembledFile, run: Run, *, there: bool) -> OutputFile:
    """Copy one file unless it is there, and describe the bytes that are in the output now.

    Raises NotFound, or Permanent for bytes that are not those that were made.
    """
    target = _target(run, file)
    kind = file.content_type or content_type_of(file.name)
    put = _copied if there or file.size > SMALL else _put
    etag, digest, size = put(engine, file, target, kind)
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
    """Write a small file through this process, in two calls; return ETag, SHA-256 and size."""
    length = SMALL + 1 if file.offset is None else file.size
    content = engine.ports.blobs.read(file.blob, file.offset or 0, length)
    digest, size = hashlib.sha256(content).hexdigest(), len(content)
    if size != file.size or digest != (file.claimed or digest):
        return "", digest, size
    try:
        return engine.ports.writer.write(target, content, "*", kind), digest, size
    except Conflict:  # it is there already: look at what it is
        return _copied(engine, file, target, kind)


def _copied(
    engine: Engine, file: AssembledFile, target: BlobRef, kind: str
) -> tuple[str, str, int]:
    """Let Storage copy a file unless it is there; return ETag, SHA-256 and size of what is.

    A part of a pack is small: it was put there. Raises Conflict if it was deleted since.
    """
    if file.offset is None:
        facts = engine.ports.writer.copy(file.blob, target, kind)
    elif (there := engine.ports.blobs.head(target)) is not None:
        facts = there
    else:
        raise Conflict(f"The blob {target.name} was deleted just now.")
    found, size = hashlib.sha256(), 0
    for chunk in engine.ports.blobs.stream(target):
        found.update(chunk)
        size += len(chunk)
    return facts.etag, found.hexdigest(), size
