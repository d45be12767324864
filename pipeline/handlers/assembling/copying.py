"""Copies an output's files to the folder in which they stay, in slices if they are many.

Each copy is compared with what was made.
"""

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pipeline.domain.outputs.content_types import content_type_of
from pipeline.domain.runs.manifest import AssembledFile, Digest, ManifestPage, OutputFile
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent
from pipeline.handlers.assembling.copies import Copies
from pipeline.handlers.assembling.large import LARGE, copy_large
from pipeline.handlers.assembling.lists import FileList, listed
from pipeline.handlers.engine import Engine
from pipeline.handlers.tenure import Tenure, TimeIsUp, holding

SMALL = 4 << 20  # bytes
_FEW, _SLICE = 16, 400  # files
_COPIERS = 8

type Copied = tuple[tuple[OutputFile, ...] | None, tuple[ManifestPage, ...]]


def copy_all(engine: Engine, run: Run, files: FileList) -> Copied:
    """Copy the files, several at a time, and describe the copies, or the pages that list them.

    One instance at a time copies many or large files. Raises Elsewhere, TimeIsUp, NotFound,
    Spoiled, or Permanent for bytes not as claimed.
    """
    if not files.pages and files.total <= _FEW and files.size <= LARGE:
        return tuple(_copy(engine, file, run) for file in listed(engine, run, files)), ()
    with holding(engine, run, "commit") as tenure:
        copies = Copies(engine, run, tenure, paged=bool(files.pages))
        if not tenure.finished:
            _copy_on(engine, run, files, copies)
            copies.finish()
        return copies.all()


def _copy_on(engine: Engine, run: Run, files: FileList, copies: Copies) -> None:
    """Copy what is not copied yet. Raises TimeIsUp."""
    tenure = copies.tenure
    with _copiers() as pool:
        for some in _cut(listed(engine, run, files, tenure.position)):
            if engine.time_is_up:
                raise TimeIsUp(f"{tenure.position:,} of {files.total:,} files are copied.")
            if some[0].size > LARGE:
                copies.add([_copy(engine, some[0], run, tenure)])
                continue
            begun = [pool.submit(_copy, engine, file, run) for file in some]
            tenure.wait(begun)
            copies.add([one.result() for one in begun])


def _cut(files: Iterable[AssembledFile]) -> Iterator[list[AssembledFile]]:
    """Cut files into slices by number and size, since each is read; a large one is alone."""
    some: list[AssembledFile] = []
    size = 0
    for file in files:
        if some and (len(some) == _SLICE or size + file.size > LARGE):
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


def _copy(
    engine: Engine, file: AssembledFile, run: Run, tenure: Tenure | None = None
) -> OutputFile:
    """Copy one file unless it is there, and describe the bytes that are in the output now.

    A large one needs the step. Raises what `copy_large` does, or Permanent for bytes that are not
    those that were made.
    """
    target = run.names.output(file.name)
    kind = file.content_type or content_type_of(file.name)
    put = _copied if file.size > SMALL else _put
    if tenure is not None:
        etag, digest, size = copy_large(engine, run, tenure, file, kind)
    else:
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
