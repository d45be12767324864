"""The archives of environments: large files, which are read only when a run needs them.

Each is for nodes with one kind of processor. Whoever packs an archive writes its digest beside it,
so that nobody has to read it for its name.
"""

import functools
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.domain.catalogue.file_digests import sha256_of
from pipeline.errors import Permanent

ARCHITECTURES = AMD64, ARM64 = ("amd64", "arm64")  # processors of nodes, as images name them
REMEDY = "make it with `fanfare package` (in a checkout of the engine: `make archives`)"
_CHUNK = 1 << 20
_DIGEST = re.compile(r"([0-9a-f]{64})(?:\s|$)")
_DIGEST_BYTES = 512


def archive_name(environment: str, architecture: str) -> str:
    """Name the archive of an environment for nodes with these processors.

    Runs keep these names, so they never change: that for amd64 is older than all others.
    """
    return f"{environment}.zip" if architecture == AMD64 else f"{environment}.{architecture}.zip"


@dataclass(frozen=True)
class Archive:
    """The wheels of an environment in one file, with its digest in `*.zip.sha256` beside it."""

    path: Path

    def digest(self) -> str:
        """Return the SHA-256 as the file beside it tells, or of what is read. Raises Permanent."""
        try:
            return self._told() or _computed(self.path, self.path.stat().st_mtime_ns)
        except OSError as error:
            raise self._unreadable(error) from error

    def chunks(self, digest: str) -> Iterator[bytes]:
        """Yield the content; at its end raise Permanent if it has another digest."""
        found = hashlib.sha256()
        try:
            with self.path.open("rb") as stream:
                while data := stream.read(_CHUNK):
                    found.update(data)
                    yield data
        except OSError as error:
            raise self._unreadable(error) from error
        if found.hexdigest() != digest:
            raise Permanent(
                f"{self._name} is damaged, or newer than {self.path.name}.sha256: {REMEDY}, "
                "deploy, then redrive the run."
            )

    def _told(self) -> str | None:
        beside = self.path.with_name(f"{self.path.name}.sha256")
        if not beside.is_file():  # the archive was made by an earlier release, or by hand
            return None
        with beside.open("rb") as stream:
            found = _DIGEST.match(stream.read(_DIGEST_BYTES).decode("ascii", "replace"))
        return found[1] if found else None

    def _unreadable(self, error: OSError) -> Permanent:
        return Permanent(f"{self._name} cannot be read ({error.strerror}): {REMEDY}.")

    @property
    def _name(self) -> str:
        return f"task_scripts/environments/{self.path.name}"


def archives(folder: Path) -> dict[str, Archive]:
    """Find the archives of task_scripts/ without reading them; the keys are plain file names."""
    return {path.name: Archive(path) for path in sorted(folder.glob("environments/*.zip"))}


@functools.lru_cache(16)
def _computed(path: Path, _changed: int) -> str:
    return sha256_of(path)
