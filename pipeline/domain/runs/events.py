"""Blob-created events as the engine reads them, from either schema of Event Grid."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.domain.runs.messages import BadMessage
from pipeline.domain.runs.naming import BlobRef

BLOB_CREATED = "Microsoft.Storage.BlobCreated"
BLOB_RENAMED = "Microsoft.Storage.BlobRenamed"
_APPEND_BLOB = "AppendBlob"
_SUBJECT = "/blobServices/default/containers/"


@dataclass(frozen=True)
class BlobCreated:
    """One version of a blob was created, or got its name.

    An event about a new name tells neither ETag nor size: `etag` is "", and `size` 0.
    """

    event_id: str
    at: datetime
    api: str
    container: str
    name: str
    etag: str
    size: int
    url: str
    content_type: str = ""
    sequencer: str = ""
    grows: bool = False  # an append blob

    @property
    def ref(self) -> BlobRef:
        """The blob, whatever its version."""
        return BlobRef(self.container, self.name)


class _Data(BaseModel):
    model_config = ConfigDict(extra="ignore")

    api: str = ""
    blobType: str = ""
    eTag: str = Field(default="", max_length=128)
    contentLength: int = 0
    contentType: str | None = ""
    url: str = ""
    destinationUrl: str = ""
    sequencer: str = Field(default="", max_length=128)


class _Envelope(BaseModel):
    model_config = ConfigDict(extra="ignore")

    id: str = Field(max_length=256)
    subject: str = Field(max_length=2048)
    type: str
    time: datetime
    data: _Data


def parse_blob_created(event: Mapping[str, object]) -> BlobCreated | None:
    """Read an Event Grid or CloudEvents envelope; return None for an event of another type.

    Raises BadMessage when the event is malformed.
    """
    kind = event.get("type", event.get("eventType"))
    if kind not in {BLOB_CREATED, BLOB_RENAMED}:
        return None
    try:
        envelope = _Envelope.model_validate(
            {**event, "type": kind, "time": event.get("time", event.get("eventTime"))}
        )
    except ValidationError as error:
        faults = error.error_count()
        raise BadMessage(f"The blob-created event is malformed: {faults} faults.") from error
    data = envelope.data
    container, name = _blob_of(envelope) if kind == BLOB_CREATED else _new_name(data.destinationUrl)
    if not container or not name:
        raise BadMessage("The blob-created event does not name a blob.")
    return BlobCreated(
        event_id=envelope.id,
        at=envelope.time if envelope.time.tzinfo else envelope.time.replace(tzinfo=UTC),
        api=data.api,
        container=container,
        name=name,
        etag=_canonical_etag(data.eTag),
        size=data.contentLength,
        url=data.destinationUrl or data.url,
        content_type=data.contentType or "",
        sequencer=data.sequencer,
        grows=data.blobType == _APPEND_BLOB,
    )


def _blob_of(envelope: _Envelope) -> tuple[str, str]:
    """Return container and name from the subject, or empty texts."""
    container, _, name = envelope.subject.removeprefix(_SUBJECT).partition("/blobs/")
    return (container, name) if envelope.subject.startswith(_SUBJECT) else ("", "")


def _new_name(url: str) -> tuple[str, str]:
    """Return container and name from the URL of a renamed file, or empty texts."""
    try:
        path = unquote(urlsplit(url).path)
    except ValueError:
        return "", ""
    container, _, name = path.removeprefix("/").partition("/")
    return container, name


def _canonical_etag(etag: str) -> str:
    """Strip the quotes that some services put around an ETag."""
    return etag.removeprefix("W/").strip('"')
