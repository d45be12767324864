"""Makes ports over Azure from settings. A port imports its SDK and connects at its first use."""

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import cast

from pipeline.adapters.clock import SystemClock
from pipeline.ports.batch import Cluster, Jobs
from pipeline.ports.blobs import Blobs, BlobWriter, Signer
from pipeline.ports.images import Images
from pipeline.ports.queues import Queues
from pipeline.ports.secrets import Secrets
from pipeline.ports.tables import Tables
from pipeline.ports.world import Events, Ports
from pipeline.settings import Settings


class _Lazy:
    """A port that is made when it is first called: the SDKs take two seconds to import."""

    def __init__(self, module: str, settings: Settings) -> None:
        self._module, self._settings = module, settings
        self._lock, self._made = Lock(), cast("object", None)

    def __getattr__(self, verb: str) -> Callable[..., object]:
        with self._lock:
            if self._made is None:
                module = import_module(f"pipeline.adapters.{self._module}")
                self._made = module.connect(self._settings)
        return cast("Callable[..., object]", getattr(self._made, verb))


_MODULES = {
    "tables": "storage.tables",
    "blobs": "storage.blobs",
    "writer": "storage.writer",
    "signer": "identity.signatures",
    "queues": "storage.queues",
    "jobs": "batch.jobs",
    "cluster": "batch.cluster",
    "events": "events.topic",
    "images": "images.resolver",
    "secrets": "secrets.chosen",
}


def connect(settings: Settings) -> Ports:
    """Return the ports; none is connected yet."""
    lazy = {port: _Lazy(module, settings) for port, module in _MODULES.items()}
    return Ports(
        tables=cast("Tables", lazy["tables"]),
        blobs=cast("Blobs", lazy["blobs"]),
        writer=cast("BlobWriter", lazy["writer"]),
        signer=cast("Signer", lazy["signer"]),
        queues=cast("Queues", lazy["queues"]),
        jobs=cast("Jobs", lazy["jobs"]),
        cluster=cast("Cluster", lazy["cluster"]),
        events=cast("Events", lazy["events"]),
        images=cast("Images", lazy["images"]),
        secrets=cast("Secrets", lazy["secrets"]),
        clock=SystemClock(),
    )


def load(settings: Settings) -> None:
    """Import in advance what the ports of these settings would import at their first use."""
    for module in _MODULES.values():
        import_module(f"pipeline.adapters.{module}")
    if not settings.storage_connection:
        import_module("azure.identity")
    if settings.insights_connection:
        import_module("azure.monitor.opentelemetry.exporter")
