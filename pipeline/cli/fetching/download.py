"""Fetches the files of an output: several at a time, each going on where it was cut off.

A file gets its name only when its size and SHA-256 are those of the manifest. Until then it lies
beside its place, under a name that no output can have.
"""

import hashlib
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import batched
from pathlib import PurePosixPath
from typing import BinaryIO

from pipeline.cli.doors.door import Outputs
from pipeline.cli.exits import CommandError
from pipeline.cli.fetching.checking import AT_ONCE, BEGUN, Advance, chunks_of, read_all
from pipeline.cli.fetching.committed import gone
from pipeline.cli.fetching.folder import Folder
from pipeline.cli.fetching.reasons import explained
from pipeline.domain.outputs.agreement import digest_of
from pipeline.domain.outputs.file_names import MARK
from pipeline.domain.runs.manifest import OutputFile
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import NotFound


class _Stopped(Exception):
    """Another file could not be fetched, or a person gave up."""


@dataclass(frozen=True)
class Download:
    """One download of a run's output into a folder; `advance` gets bytes received."""

    outputs: Outputs
    run: Run
    folder: Folder
    advance: Advance
    _stop: threading.Event = field(default_factory=threading.Event)

    def all(self, files: Mapping[PurePosixPath, OutputFile]) -> None:
        """Fetch files, and end at the first error. Raises CommandError."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="fetch") as pool:
            try:
                for some in batched(files.items(), BEGUN, strict=False):
                    begun = [pool.submit(self._fetch, path, file) for path, file in some]
                    for done in as_completed(begun):
                        done.result()
            finally:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)

    def _fetch(self, path: PurePosixPath, file: OutputFile) -> None:
        """Fetch one file; bytes that are wrong are fetched once more, from the beginning."""
        part = part_of(path)
        with explained(self.folder.path / path):
            size, digest = self._receive(part, file)
            if not _is(file, size, digest):
                self.folder.remove(part)
                size, digest = self._receive(part, file)
            if not _is(file, size, digest):
                self.folder.remove(part)
                raise _wrong(file, size, digest)
            self.folder.rename(part, path.name)

    def _receive(self, part: PurePosixPath, file: OutputFile) -> tuple[int, str]:
        """Write what is not there yet; return the size and the SHA-256 of the whole."""
        with self.folder.going_on(part) as opened:
            digest = hashlib.sha256()
            there = read_all(chunks_of(opened), digest, self.advance)
            if there > file.size:
                opened.seek(0)
                opened.truncate()
                digest, there = hashlib.sha256(), 0
            received = read_all(self._written(opened, file, there), digest, self.advance)
        return there + received, digest.hexdigest()

    def _written(self, opened: BinaryIO, file: OutputFile, offset: int) -> Iterator[bytes]:
        """Yield the chunks of a blob when they are written, and no more than it should have."""
        if offset == file.size:
            return
        left = file.size - offset
        try:
            for chunk in self.outputs.stream(file.name, offset):
                if self._stop.is_set():
                    raise _Stopped
                opened.write(chunk)
                yield chunk
                left -= len(chunk)
                if left < 0:
                    return
        except NotFound as error:
            raise gone(self.run, self.run.names.output(file.name).name) from error


def part_of(path: PurePosixPath) -> PurePosixPath:
    """Return where a file lies beside its place until it is complete."""
    return path.with_name(f"{MARK}{hashlib.sha256(path.name.encode()).hexdigest()[:24]}")


def _is(file: OutputFile, size: int, digest: str) -> bool:
    return size == file.size and digest == (digest_of(file) or digest)


def _wrong(file: OutputFile, size: int, digest: str) -> CommandError:
    return CommandError(
        f"{visible(file.name)} came twice with wrong bytes: expected {file.size:,} bytes with "
        f"SHA-256 {digest_of(file)}, found {size:,} with {digest}. Somebody changed the blob "
        "after the commit: start a new run of its input."
    )
