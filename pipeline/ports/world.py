"""The ports for events, time and chance, and all ports as one value."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from pipeline.ports.batch import Cluster, Jobs
from pipeline.ports.blobs import Blobs, BlobWriter, Signer
from pipeline.ports.images import Images
from pipeline.ports.queues import Queues
from pipeline.ports.secrets import Secrets
from pipeline.ports.tables import Tables


class Events(Protocol):
    """The Event Grid custom topic."""

    def publish(self, event: Mapping[str, object]) -> None:
        """Publish one CloudEvent 1.0 in its JSON form: id, source, type, subject, time, data."""


class Clock(Protocol):
    """Time and chance, so that tests decide both."""

    def now(self) -> datetime:
        """Return the time, UTC."""

    def token(self) -> str:
        """Return 16 random hexadecimal digits."""


@dataclass(frozen=True)
class Ports:
    """All ports as one value."""

    tables: Tables
    blobs: Blobs
    writer: BlobWriter
    signer: Signer
    queues: Queues
    jobs: Jobs
    cluster: Cluster
    events: Events
    images: Images
    secrets: Secrets
    clock: Clock
