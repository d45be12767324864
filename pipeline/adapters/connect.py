"""Settings → ports over Azure. Each port's SDK is imported and its client built at first use."""

from collections.abc import Callable
from importlib import import_module
from threading import Lock
from typing import cast

from pipeline.adapters.clock import SystemClock
from pipeline.ports import Blobs, BlobWriter, Cluster, Events, Jobs, Ports, Queues, Tables
from pipeline.settings import Settings


class _Lazy:
    """A port that comes to life at its first verb: the SDKs take two seconds to import."""

    def __init__(self, module: str, settings: Settings) -> None:
        self._module, self._settings = module, settings
        self._lock, self._made = Lock(), cast("object", None)

    def __getattr__(self, verb: str) -> Callable[..., object]:
        with self._lock:
            if self._made is None:
                module = import_module(f"pipeline.adapters.{self._module}")
                self._made = module.connect(self._settings)
        return cast("Callable[..., object]", getattr(self._made, verb))


def connect(settings: Settings) -> Ports:
    """Return the ports; nothing is connected yet."""
    return Ports(
        tables=cast("Tables", _Lazy("tables", settings)),
        blobs=cast("Blobs", _Lazy("blobs", settings)),
        writer=cast("BlobWriter", _Lazy("blob_writer", settings)),
        queues=cast("Queues", _Lazy("queues", settings)),
        jobs=cast("Jobs", _Lazy("batch_jobs", settings)),
        cluster=cast("Cluster", _Lazy("batch_cluster", settings)),
        events=cast("Events", _Lazy("events", settings)),
        clock=SystemClock(),
    )
