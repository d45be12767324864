"""Blob Storage in memory: ETags, snapshots, conditions, and an event for each created blob."""

import functools
import hashlib
import itertools
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from threading import RLock
from urllib.parse import parse_qs, quote, unquote, urlsplit

from pipeline.adapters import limits
from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.errors import Conflict, NotFound, Permanent
from pipeline.ports.blobs import BlobFacts, ListedPage, Piece
from tests.fakes.clock import FakeClock
from tests.fakes.identity.signatures import signed

ENDPOINT = "http://127.0.0.1:10000/fanfare"
TOPIC = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/fanfare"
CHUNK = 4 * 1024 * 1024

type Refs = list[BlobRef]
type Names = list[str]  # `list` is a verb of the port inside the class
type Event = dict[str, object]
type Subscriber = Callable[[Event], None]


@dataclass(frozen=True)
class Stored:
    """A blob's content, and what Storage reports about it."""

    content: bytes
    etag: str
    modified: datetime
    content_type: str = "application/octet-stream"
    metadata: Mapping[str, str] = field(default_factory=dict)
    created: datetime | None = None
    md5: str = ""
    grows: bool = False

    def facts(self, ref: BlobRef) -> BlobFacts:
        """Return the facts of this version under a name."""
        kept = (self.modified, self.content_type, self.metadata)
        return BlobFacts(
            ref, self.etag, len(self.content), *kept, self.created, self.md5, self.grows
        )


class FakeBlobs:
    """The reading and the writing port in one object; threads may share it."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock, self._lock = clock, RLock()
        self._numbers = itertools.count(1)
        self._blobs: dict[BlobRef, Stored] = {}
        self._sorted: dict[str, list[str]] = {}  # names of a container, in order
        self._snapshots: dict[BlobRef, list[BlobRef]] = {}
        self._staged: dict[BlobRef, dict[str, bytes]] = {}
        self._blocks: dict[tuple[BlobRef, str], dict[str, bytes]] = {}  # of a version
        self._subscribers: list[Subscriber] = []
        self.per_page = 5000

    # --- the reading port

    def head(self, ref: BlobRef) -> BlobFacts | None:
        stored = self._blobs.get(_in_container(ref))
        return stored.facts(ref) if stored else None

    def read(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> bytes:
        content = self._get(ref).content
        return content[offset:] if length is None else content[offset : offset + length]

    def stream(self, ref: BlobRef, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        content = self.read(ref, offset, length)
        for start in range(0, len(content), CHUNK):
            yield content[start : start + CHUNK]

    def list(self, container: str, prefix: str) -> Iterator[BlobFacts]:
        return self._listed(container, prefix, "")

    def list_pages(
        self, container: str, prefix: str, marker: str = "", per_page: int = 5_000
    ) -> Iterator[ListedPage]:
        found = self._listed(container, prefix, marker)
        for blobs in itertools.batched(found, min(per_page, self.per_page), strict=False):
            yield ListedPage(marker, blobs)
            marker = blobs[-1].ref.name + "\0"

    def _listed(self, container: str, prefix: str, marker: str) -> Iterator[BlobFacts]:
        """List what begins with a prefix and is not before a marker; pages begin where they are."""
        _in_container(BlobRef(container, "any"))
        with self._lock:
            names = self._sorted.get(container, [])
            first = bisect_left(names, max(prefix, marker))
            end = bisect_right(names, prefix, lo=first, key=lambda name: name[: len(prefix)])
            found = [BlobRef(container, name) for name in names[first:end]]
        for ref in found:
            if stored := self._blobs.get(ref):
                yield stored.facts(ref)

    def url(self, ref: BlobRef) -> str:
        query = f"?snapshot={quote(ref.snapshot, safe='')}" if ref.snapshot else ""
        return f"{ENDPOINT}/{ref.container}/{_path(ref.name)}{query}"

    # --- the signing port

    def reading(self, url: str, until: datetime) -> str:
        return signed(url, "r", until, ENDPOINT)

    def creating(self, url: str, until: datetime) -> str:
        return signed(url, "c", until, ENDPOINT)

    # --- the writing port

    def write(
        self, ref: BlobRef, content: bytes, condition: str | None = None, content_type: str = ""
    ) -> str:
        return self._store(ref, content, "PutBlob", content_type, condition=condition).etag

    def upload(
        self,
        ref: BlobRef,
        chunks: Iterable[bytes],
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        *,
        only_new: bool = False,
    ) -> BlobFacts:
        kept = (b"".join(chunks), "PutBlockList", content_type, metadata)
        return self._store(ref, *kept, "*" if only_new else None).facts(ref)

    def stage(self, ref: BlobRef, block: str, content: bytes | Piece) -> None:
        if isinstance(content, Piece):
            whole = self._get(content.ref).content
            content = whole[content.offset : content.offset + limits.length_of(content)]
        staged = self._staged.setdefault(_in_container(ref), {})
        if any(len(other) != len(block) for other in staged):
            raise Permanent("InvalidBlobOrBlock: ids of blocks have one length.")
        staged[block] = content

    def commit(
        self, ref: BlobRef, blocks: Sequence[str], content_type: str = "", *, only_new: bool = False
    ) -> BlobFacts:
        limits.check_parts(len(blocks))
        condition = "*" if only_new else None
        present = self._blobs.get(_in_container(ref))
        _check_condition(ref, present, condition)
        known = self._blocks.get((ref, present.etag), {}) if present else {}
        known = known | self._staged.get(ref, {})
        if not known.keys() >= set(blocks):
            raise Conflict(f"A block of the blob {ref.name} is gone.")
        content = b"".join(known[block] for block in blocks)
        made = self._store(ref, content, "PutBlockList", content_type, condition=condition)
        self._blocks[ref, made.etag] = {block: known[block] for block in blocks}
        return made.facts(ref)

    def copy(self, source: BlobRef, target: BlobRef, content_type: str = "") -> BlobFacts:
        if present := self.head(target):
            return present
        stored = self._get(source)
        kind = content_type or stored.content_type
        api = "CopyBlob" if kind == stored.content_type else "PutBlockList"
        return self._store(target, stored.content, api, kind, stored.metadata).facts(target)

    def snapshot(self, ref: BlobRef, etag: str) -> BlobRef:
        stored = self._get(ref)
        if stored.etag != etag:
            raise Conflict(f"The blob {ref.name} is another version by now.")
        at = self._clock.now() + timedelta(microseconds=next(self._numbers))
        taken = replace(ref, snapshot=at.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"))
        self.hold(taken, stored)
        return taken

    def delete(self, ref: BlobRef) -> None:
        if ref.snapshot:
            self._blobs.pop(_in_container(ref), None)
        else:
            self.remove(_in_container(ref).container, ref.name)

    # --- for tests

    def put(
        self,
        container: str,
        name: str,
        content: bytes = b"x",
        metadata: dict[str, str] | None = None,
    ) -> BlobFacts:
        """Upload a blob as a user would; subscribers get its event."""
        ref = BlobRef(container, name)
        return self._store(ref, content, "PutBlob", metadata=metadata or {}).facts(ref)

    def describe(self, container: str, name: str, **metadata: str) -> None:
        """Change a blob's metadata as a user would: another ETag, the same content, no event."""
        ref = BlobRef(container, name)
        etag = f"0x8D{next(self._numbers):013X}"
        change = {"etag": etag, "modified": self._clock.now(), "metadata": metadata}
        self._blobs[ref] = replace(self._get(ref), **change)

    def append(self, container: str, name: str, content: bytes) -> None:
        """Append to a blob as a user would; only its creation, which is empty, has an event."""
        ref = BlobRef(container, name)
        if ref not in self._blobs:
            self._store(ref, b"", "PutBlob")
        etag = f"0x8D{next(self._numbers):013X}"
        longer = self._get(ref).content + content
        change = {"etag": etag, "modified": self._clock.now(), "grows": True, "md5": ""}
        self._blobs[ref] = replace(self._get(ref), content=longer, **change)

    def remove(self, container: str, name: str) -> None:
        """Delete a blob as a user would, its snapshots included."""
        ref = BlobRef(container, name)
        with self._lock:
            if self._blobs.pop(ref, None):
                names = self._sorted[container]
                del names[bisect_left(names, name)]
        for snapshot in self._snapshots.pop(ref, []):
            self._blobs.pop(snapshot, None)

    def names(self, container: str, prefix: str = "") -> Names:
        """Return the names below a prefix, for assertions."""
        return [facts.ref.name for facts in self.list(container, prefix)]

    def pins(self) -> Refs:
        """Return the snapshots, and the copies of versions, for assertions."""
        return sorted(ref for ref in self._blobs if ref.snapshot or "/pins/" in ref.name)

    def snapshots(self, container: str) -> Names:
        """Return the names of which snapshots are kept, one for each, for assertions."""
        kept = (ref for ref in self._blobs if ref.container == container)
        return sorted(ref.name for ref in kept if ref.snapshot)

    def hold(self, ref: BlobRef, stored: Stored) -> None:
        """Keep a version as it is, without an event."""
        with self._lock:
            if ref.snapshot:
                self._snapshots.setdefault(replace(ref, snapshot=None), []).append(ref)
            elif ref not in self._blobs:
                insort(self._sorted.setdefault(ref.container, []), ref.name)
            self._blobs[ref] = stored

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` with an Event Grid event for each blob created from now on."""
        self._subscribers.append(subscriber)

    def at(self, url: str) -> BlobRef:
        """Return the blob of a URL in this account."""
        return _at(url)

    def created_event(self, ref: BlobRef, api: str = "PutBlob") -> Event:
        """Return the event that Storage sends for the blob as it is now."""
        stored = self._get(ref)
        number = next(self._numbers)
        return {
            "topic": TOPIC,
            "subject": f"/blobServices/default/containers/{ref.container}/blobs/{ref.name}",
            "eventType": "Microsoft.Storage.BlobCreated",
            "id": f"event-{number}",
            "eventTime": stored.modified.isoformat().replace("+00:00", "Z"),
            "data": {
                "api": api,
                "eTag": f'"{stored.etag}"',  # quoted, as some events of Azure are
                "contentType": stored.content_type,
                "contentLength": len(stored.content),
                "blobType": "BlockBlob",
                "url": self.url(ref),
                "sequencer": f"{number:048x}",
            },
            "dataVersion": "",
            "metadataVersion": "1",
        }

    def _store(
        self,
        ref: BlobRef,
        content: bytes,
        api: str,
        content_type: str = "",
        metadata: Mapping[str, str] | None = None,
        condition: str | None = None,
    ) -> Stored:
        if ref.snapshot is not None:
            raise Permanent("A snapshot cannot be written.")
        etag = f"0x8D{next(self._numbers):013X}"
        kind = content_type or "application/octet-stream"
        # A test may give a content that is longer than memory.
        kept = content if isinstance(content, bytes) else bytes(content)
        with self._lock:
            _check_condition(ref, self._blobs.get(_in_container(ref)), condition)
            stored = self._created(ref, kept, api)
            stored = replace(stored, etag=etag, content_type=kind, metadata=metadata or {})
            self._staged.pop(ref, None)
            self.hold(ref, stored)
        for subscriber in self._subscribers:
            subscriber(self.created_event(ref, api))
        return stored

    def _created(self, ref: BlobRef, content: bytes, api: str) -> Stored:
        """Make a version: a block list has no MD5, and over a blob it keeps the time of creation.

        Storage tells times in whole seconds.
        """
        now = self._clock.now()
        second = now.replace(microsecond=0)
        before = self._blobs.get(ref)
        if api == "PutBlockList":
            return Stored(content, "", now, created=before.created if before else second)
        md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return Stored(content, "", now, created=second, md5=md5)

    def _get(self, ref: BlobRef) -> Stored:
        stored = self._blobs.get(_in_container(ref))
        if stored is None:
            raise NotFound(f"There is no blob {ref.container}/{ref.name}.")
        return stored


def _check_condition(ref: BlobRef, present: Stored | None, condition: str | None) -> None:
    """Check an ETag that a write expects; "*" expects no blob, and None anything."""
    if condition == "*" and present:
        raise Conflict(f"The blob {ref.name} exists.")
    if condition not in (None, "*") and (present is None or present.etag != condition):
        raise Conflict(f"The blob {ref.name} was changed or is gone.")


_check_name = functools.lru_cache(10_000)(limits.check_blob_name)


@functools.lru_cache(10_000)
def _at(url: str) -> BlobRef:
    parts = urlsplit(url)
    _, _, container, name = parts.path.split("/", 3)
    snapshot = parse_qs(parts.query).get("snapshot", [None])[0]
    return BlobRef(container, unquote(name), snapshot)


@functools.lru_cache(10_000)
def _path(name: str) -> str:
    _check_name(name)
    return quote(name, safe="~/")


def _in_container(ref: BlobRef) -> BlobRef:
    _check_name(ref.name)
    if ref.container not in CONTAINERS:
        raise NotFound(f"There is no container {ref.container}.")
    return ref
