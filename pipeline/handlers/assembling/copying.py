"""Copies an output's files to the folder in which they stay, in slices if they are many.

Each copy is compared with what was made. The list of a slice's copies is a blob named by its
digest, and the cursor of the step has those digests.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from pipeline.domain.outputs.content_types import content_type_of
from pipeline.domain.runs.manifest import AssembledFile, Digest, OutputFile
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent
from pipeline.handlers.engine import Engine
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Busy, Cursor, LongStep

SMALL = 4 << 20  # bytes
MAX_FILES = 100_000
_FEW, _SLICE = 16, 400  # files
_SLICE_BYTES = 4 << 30  # a minute, at the speed at which an instance reads
_COPIERS = 8
_RENEWED_S = 20
_COPIES = TypeAdapter(tuple[OutputFile, ...])
_DIGESTS = TypeAdapter(tuple[str, ...])


class Elsewhere(FanfareError):
    """Another instance does this step, and its lease lives until a time."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class TimeIsUp(FanfareError):
    """The step goes on in another invocation."""


class Spoiled(Permanent):
    """A record of the commit was deleted or changed by someone else."""


def copy_all(engine: Engine, run: Run, files: Sequence[AssembledFile]) -> tuple[OutputFile, ...]:
    """Copy the files, several at a time, and describe the copies.

    One instance at a time copies many files. Raises Elsewhere, TimeIsUp, NotFound, Spoiled, or
    Permanent for bytes not as claimed.
    """
    if len(files) <= _FEW and sum(file.size for file in files) <= _SLICE_BYTES:
        return tuple(_copy(engine, file, run) for file in files)
    held = slices.take(engine.ports.tables, LongStep.of(run, "commit"), engine.token(), engine.now)
    if isinstance(held, Busy):
        raise Elsewhere(f"Another instance commits the output of {run.id}.", held.until)
    copies = _Copies(engine, run, held)
    if not held.finished:
        with copies.released(), _copiers() as pool:
            for some in _cut(files[held.position :]):
                if engine.time_is_up:
                    raise TimeIsUp(f"{copies.number:,} of {len(files):,} files are copied.")
                copies.add(pool.submit(_copy, engine, file, run) for file in some)
            copies.finish()
    return copies.all()


def _cut(files: Iterable[AssembledFile]) -> Iterator[list[AssembledFile]]:
    """Cut files into slices by number and size: each file is read to compute its digest."""
    some: list[AssembledFile] = []
    size = 0
    for file in files:
        if some and (len(some) == _SLICE or size + file.size > _SLICE_BYTES):
            yield some
            some, size = [], 0
        some.append(file)
        size += file.size
    if some:
        yield some


@contextmanager
def _copiers() -> Iterator[ThreadPoolExecutor]:
    """Copy in threads during a with block; after an error begin no further copy."""
    with ThreadPoolExecutor(_COPIERS) as pool:
        try:
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


class _Copies:
    """What was copied, slice by slice."""

    def __init__(self, engine: Engine, run: Run, cursor: Cursor) -> None:
        self._engine, self._run, self._cursor = engine, run, cursor
        self._digests = _DIGESTS.validate_json(cursor.body or "[]")

    @property
    def number(self) -> int:
        """How many files are copied."""
        return self._cursor.position

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let another invocation go on at once, however this block ends."""
        try:
            yield
        finally:
            if not self._cursor.finished:
                with suppress(FanfareError):  # it expires by itself
                    slices.release(self._engine.ports.tables, self._cursor, self._engine.now)

    def add(self, begun: Iterable[Future[OutputFile]]) -> None:
        """Wait for a slice's copies, and record them. Raises LeaseLost."""
        work = list(begun)
        while wait(work, _RENEWED_S).not_done:
            self._advance(self.number)
        content = _COPIES.dump_json(tuple(one.result() for one in work))
        digest = hashlib.sha256(content).hexdigest()
        ref = self._run.names.kept("copied", digest)
        self._engine.ports.writer.write(ref, content, content_type="application/json")
        self._digests = (*self._digests, digest)
        self._advance(self.number + len(work))

    def finish(self) -> None:
        """Record that all files are copied. Raises LeaseLost."""
        cursor, now = self._cursor, self._engine.now
        self._cursor = slices.finish(
            self._engine.ports.tables, cursor, now, cursor.position, cursor.body
        )

    def all(self) -> tuple[OutputFile, ...]:
        """Read what was recorded. Raises Spoiled."""
        return tuple(copy for digest in self._digests for copy in self._read(digest))

    def _advance(self, position: int) -> None:
        body = _DIGESTS.dump_json(self._digests).decode()
        tables = self._engine.ports.tables
        self._cursor = slices.advance(tables, self._cursor, self._engine.now, position, body)

    def _read(self, digest: str) -> tuple[OutputFile, ...]:
        ref = self._run.names.kept("copied", digest)
        try:
            content = self._engine.ports.blobs.read(ref)
            if hashlib.sha256(content).hexdigest() == digest:
                return _COPIES.validate_json(content)
        except (NotFound, ValidationError) as error:
            raise Spoiled(f"The blob {ref.name}, a list of copies, was deleted.") from error
        raise Spoiled(f"The blob {ref.name}, a list of copies, was changed.")


def _copy(engine: Engine, file: AssembledFile, run: Run) -> OutputFile:
    """Copy one file unless it is there, and describe the bytes that are in the output now.

    Raises NotFound, or Permanent for bytes that are not those that were made.
    """
    target = run.names.output(file.name)
    kind = file.content_type or content_type_of(file.name)
    put = _copied if file.size > SMALL else _put
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
