"""Blob Storage in a folder: a file for each version, and the names in memory.

A version never changes, so blobs, snapshots and copies share files. Nothing is deleted before the
folder is.
"""

import hmac
import itertools
import shutil
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import RLock
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from pipeline.adapters import limits
from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.errors import Conflict, NotFound, Permanent
from pipeline.ports.blobs import BlobFacts, ListedPage, Piece
from pipeline.ports.world import Clock

_CHUNK = 4 << 20

type Hear = Callable[[BlobFacts], None]


@dataclass(frozen=True)
class Version:
    """One version of a blob: the file that has its bytes, and what Storage reports about it."""

    path: Path
    etag: str
    size: int
    modified: datetime
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None

    def facts(self, ref: BlobRef) -> BlobFacts:
        """Return the facts of this version under a name."""
        kept = (self.modified, self.content_type, self.metadata, self.created)
        return BlobFacts(ref, self.etag, self.size, *kept)


class FolderBlobs:
    """The reading, the writing and the signing port in one object; threads may share it.

    `endpoint` begins each URL. `hear` gets the facts of each blob that is written.
    """

    def __init__(self, folder: Path, clock: Clock, endpoint: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._clock, self._endpoint = folder, clock, endpoint
        self._signature = clock.token() + clock.token()
        self._numbers, self._lock = itertools.count(1), RLock()
        self._versions: dict[BlobRef, Version] = {}
        self._sorted: dict[str, list[str]] = {}  # names of a container, in order
        self._staged: dict[BlobRef, dict[str, Path]] = {}  # blocks, by their ids
        self._blocks: dict[Path, dict[str, Path]] = {}  # those of a version that has some
        self.hear: Hear = lambda _: None

    def head(self, ref: BlobRef) -> BlobFacts | None:
        """Return the blob's facts, or None if it does not exist."""
        with self._lock:
            version = self._versions.get(_checked(ref))
        return version.facts(ref) if version else None

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        """Return a range of the blob (all by default), shorter at its end. Raises NotFound."""
        return b"".join(self.stream(ref, offset, length))

    def stream(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """Yield a range of the blob (all by default) in chunks. Raises NotFound."""
        return _chunks(self.file(ref), offset, length)

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        """Yield the blobs below a prefix in name order."""
        with self._lock:
            _checked(BlobRef(container, "any"))
            names = self._sorted.get(container, [])
            rest = itertools.islice(names, bisect_left(names, prefix), None)
            found = [*itertools.takewhile(lambda name: name.startswith(prefix), rest)]
        for name in found:
            if facts := self.head(BlobRef(container, name)):
                yield facts

    def list_pages(
        self, container: str, prefix: str, marker: str = "", per_page: int = 5_000
    ) -> Iterator[ListedPage]:
        """Yield what `list` yields by pages, from that of the marker on ("" is the first)."""
        found = itertools.dropwhile(
            lambda facts: facts.ref.name < marker, self.list(container, prefix)
        )
        for blobs in itertools.batched(found, per_page, strict=False):
            yield ListedPage(marker, blobs)
            marker = blobs[-1].ref.name + "\0"

    def url(self, ref: BlobRef) -> str:
        """Return the blob's URL without any credential."""
        limits.check_blob_name(ref.name)
        query = f"?snapshot={quote(ref.snapshot, safe='')}" if ref.snapshot else ""
        return f"{self._endpoint}/{ref.container}/{quote(ref.name, safe='~/')}{query}"

    def reading(self, url: str, until: datetime) -> str:
        """Return a blob's URL with the right to read it. Raises Permanent for another URL."""
        if not url.startswith(f"{self._endpoint}/"):
            raise Permanent(f"A node cannot be given {url[:200]!a}: it is no blob of the account.")
        signed = urlencode({"se": until.isoformat(), "sp": "r", "sig": self._signature})
        return f"{url}{'&' if '?' in url else '?'}{signed}"

    def creating(self, url: str, until: datetime) -> str:
        """Refuse: a trial has no callers who upload. Raises Permanent."""
        raise Permanent(f"Nobody uploads to a trial: {url[:200]!a} is not signed until {until}.")

    def opens(self, url: str) -> BlobRef | None:
        """Return the blob that a signed URL opens, or None if it does not."""
        sent = parse_qs(urlsplit(url).query).get("sig", [""])[0]
        if not hmac.compare_digest(sent.encode(), self._signature.encode()):
            return None
        return self.at(url)

    def at(self, url: str) -> BlobRef:
        """Return the blob of a URL."""
        parts = urlsplit(url)
        _, _, container, name = parts.path.split("/", 3)
        snapshot = parse_qs(parts.query).get("snapshot", [None])[0]
        return BlobRef(container, unquote(name), snapshot)

    def file(self, ref: BlobRef) -> Path:
        """Return the file that has a blob's bytes; it must not be changed. Raises NotFound."""
        return self._get(ref).path

    def write(
        self, ref: BlobRef, content: bytes, condition: str | None = None, content_type: str = ""
    ) -> str:
        """Write a small blob and return its ETag. Raises Conflict."""
        with self._lock:
            present = self._versions.get(_checked(ref))
            if condition == "*" and present:
                raise Conflict(f"The blob {ref.name} exists.")
            if condition not in (None, "*") and (present is None or present.etag != condition):
                raise Conflict(f"The blob {ref.name} was changed or is gone.")
            return self._keep(ref, self._filled([content]), content_type).etag

    def upload(
        self,
        ref: BlobRef,
        chunks: Iterable[bytes],
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        *,
        only_new: bool = False,
    ) -> BlobFacts:
        """Write a blob of any size from a stream. Raises Conflict."""
        path = self._filled(chunks)
        with self._lock:
            if only_new and _checked(ref) in self._versions:
                raise Conflict(f"The blob {ref.name} exists.")
            return self._keep(ref, path, content_type, metadata).facts(ref)

    def adopt(self, ref: BlobRef, path: Path) -> BlobFacts:
        """Take a file as a blob without copying it; it must not change while this lives."""
        return self._keep(ref, path).facts(ref)

    def take_over(self, ref: BlobRef, path: Path) -> None:
        """Take a file of a task as a blob; the task keeps its name for it."""
        target = self._next()
        try:
            target.hardlink_to(path)
        except OSError:  # another file system, or one without such links
            shutil.copyfile(path, target)
        self._keep(ref, target)

    def stage(self, ref: BlobRef, block: str, content: bytes | Piece) -> None:
        """Keep bytes, or a piece of a blob, as a block of a blob that is to be. Raises NotFound."""
        chunks: Iterable[bytes] = [content] if isinstance(content, bytes) else self._piece(content)
        path = self._filled(chunks)
        with self._lock:
            self._staged.setdefault(_checked(ref), {})[block] = path

    def commit(
        self, ref: BlobRef, blocks: Sequence[str], content_type: str = "", *, only_new: bool = False
    ) -> BlobFacts:
        """Make a blob of blocks, which are staged or in the blob already. Raises Conflict."""
        limits.check_parts(len(blocks))
        with self._lock:
            present = self._versions.get(_checked(ref))
            if only_new and present:
                raise Conflict(f"The blob {ref.name} exists.")
            before = self._blocks.get(present.path, {}) if present else {}
            known = before | self._staged.get(ref, {})
            if not known.keys() >= set(blocks):
                raise Conflict(f"A block of the blob {ref.name} is gone.")
            found = [known[block] for block in blocks]
            path = self._filled(chunk for one in found for chunk in _chunks(one, 0, None))
            self._blocks[path] = dict(zip(blocks, found, strict=True))
            return self._keep(ref, path, content_type).facts(ref)

    def copy(self, source: BlobRef, target: BlobRef, content_type: str = "") -> BlobFacts:
        """Copy unless the target exists; return the target's facts either way. Raises NotFound."""
        with self._lock:
            if present := self.head(target):
                return present
            version = self._get(source)
            kind = content_type or version.content_type
            return self._keep(target, version.path, kind, version.metadata).facts(target)

    def snapshot(self, ref: BlobRef, etag: str) -> BlobRef:
        """Take an immutable snapshot of exactly that version. Raises Conflict and NotFound."""
        with self._lock:
            version = self._get(ref)
            if version.etag != etag:
                raise Conflict(f"The blob {ref.name} is another version by now.")
            at = self._clock.now() + timedelta(microseconds=next(self._numbers))
            taken = replace(ref, snapshot=at.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"))
            self._versions[taken] = version
        return taken

    def delete(self, ref: BlobRef) -> None:
        """Delete a blob with its snapshots, or only the named snapshot; a missing one is fine."""
        with self._lock:
            if self._versions.pop(_checked(ref), None) is None or ref.snapshot:
                return
            names = self._sorted[ref.container]
            del names[bisect_left(names, ref.name)]
            for taken in [r for r in self._versions if replace(r, snapshot=None) == ref]:
                del self._versions[taken]

    def _keep(
        self,
        ref: BlobRef,
        path: Path,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
    ) -> Version:
        if ref.snapshot is not None:
            raise Permanent("A snapshot cannot be written.")
        with self._lock:
            before, now = self._versions.get(_checked(ref)), self._clock.now()
            if before is None:
                insort(self._sorted.setdefault(ref.container, []), ref.name)
            version = Version(
                path,
                f"0x8D{next(self._numbers):013X}",
                path.stat().st_size,
                now,
                content_type or "application/octet-stream",
                metadata or {},
                before.created if before else now.replace(microsecond=0),
            )
            self._versions[ref] = version
            self._staged.pop(ref, None)
        self.hear(version.facts(ref))
        return version

    def _piece(self, piece: Piece) -> Iterator[bytes]:
        return self.stream(piece.ref, piece.offset, limits.length_of(piece))

    def _filled(self, chunks: Iterable[bytes]) -> Path:
        path = self._next()
        with path.open("wb") as file:
            file.writelines(chunks)
        return path

    def _next(self) -> Path:
        with self._lock:
            return self._folder / f"b{next(self._numbers):06d}"

    def _get(self, ref: BlobRef) -> Version:
        with self._lock:
            version = self._versions.get(_checked(ref))
        if version is None:
            raise NotFound(f"There is no blob {ref.container}/{ref.name}.")
        return version


def _checked(ref: BlobRef) -> BlobRef:
    limits.check_blob_name(ref.name)
    if ref.container not in CONTAINERS:
        raise NotFound(f"There is no container {ref.container}.")
    return ref


def _chunks(path: Path, offset: int, length: int | None) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        left = path.stat().st_size if length is None else length
        while left > 0 and (chunk := file.read(min(left, _CHUNK))):
            left -= len(chunk)
            yield chunk
