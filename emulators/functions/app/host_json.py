"""host.json: its defaults, overrides from app settings, and refusals of what the host cannot do."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from emulators.functions.errors import StartError
from emulators.functions.timespans import parse_span
from emulators.functions.worker.wire import Json

_LOG = logging.getLogger("host")
_PREFIX = "azurefunctionsjobhost__"
_MAX_BATCH = 32
_KNOWN = frozenset({
    "version", "functiontimeout", "extensions", "logging", "extensionbundle", "concurrency",
    "telemetrymode", "aggregator", "healthmonitor", "manageddependency", "watchdirectories",
    "watchfiles", "singleton", "retry", "sendcanceledinvocationstotheworker", "$schema",
})  # fmt: skip


@dataclass(frozen=True)
class QueueOptions:
    """The options of `extensions.queues`; seconds where the file has time spans."""

    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5
    visibility_s: float = 0.0
    base64: bool = True
    max_polling_s: float = 2.0


@dataclass(frozen=True)
class HostOptions:
    """The values that the host uses from host.json."""

    route_prefix: str = "api"
    function_timeout_s: float | None = 1800.0
    queues: QueueOptions = QueueOptions()


def load_host_options(app: Path, settings: Mapping[str, str]) -> HostOptions:
    """Read host.json of the app, apply `AzureFunctionsJobHost__…` settings, check the values."""
    path = app / "host.json"
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise StartError(
            f"{path} is missing, but every function app has one. Check --app."
        ) from error
    except (OSError, ValueError) as error:
        raise StartError(f"{path} cannot be read: {error}") from error
    if not isinstance(document, dict) or document.get("version") != "2.0":
        raise StartError(f'{path} must say "version": "2.0".')
    try:
        return parse_host_options(apply_overrides(document, settings))
    except (ValueError, TypeError) as error:
        raise StartError(f"{path}: {error}") from error


def apply_overrides(document: dict[str, Json], settings: Mapping[str, str]) -> dict[str, Json]:
    """Return the document with each `AzureFunctionsJobHost__a__b` setting at a.b, regardless of
    case."""
    merged = _folded(document)
    for name, value in settings.items():
        if not name.lower().startswith(_PREFIX):
            continue
        *parents, leaf = name.lower()[len(_PREFIX) :].split("__")
        place = merged
        for parent in parents:
            place = cast("dict[str, Json]", place.setdefault(parent, {}))
        place[leaf] = value
    return merged


def _folded(value: dict[str, Json]) -> dict[str, Json]:
    return {
        key.lower(): _folded(item) if isinstance(item, dict) else item
        for key, item in value.items()
    }


def parse_host_options(document: dict[str, Json]) -> HostOptions:
    """Turn a document with lower-case keys into options; raises ValueError that names a bad
    value."""
    for unknown in sorted(set(document) - _KNOWN):
        _LOG.warning("host.json has a key that this host ignores", extra={"key": unknown})
    if (
        str(_section(document, "concurrency").get("dynamicconcurrencyenabled", "")).lower()
        == "true"
    ):
        raise ValueError(
            "concurrency.dynamicConcurrencyEnabled makes batchSize ineffective and is not supported"
        )
    extensions = _section(document, "extensions")
    http = _section(extensions, "http")
    return HostOptions(
        route_prefix=str(http.get("routeprefix", "api")).strip("/"),
        function_timeout_s=_timeout(str(document.get("functiontimeout", "00:30:00"))),
        queues=_queue_options(_section(extensions, "queues")),
    )


def _section(document: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object")
    return value


def _timeout(value: str) -> float | None:
    return None if value == "-1" else parse_span(value)


def _queue_options(section: dict[str, Json]) -> QueueOptions:
    batch_size = int(str(section.get("batchsize", 16)))
    if not 1 <= batch_size <= _MAX_BATCH:
        raise ValueError(f"extensions.queues.batchSize must be 1 to {_MAX_BATCH}, not {batch_size}")
    threshold = int(
        str(section.get("newbatchthreshold", (batch_size // 2) * (os.cpu_count() or 1)))
    )
    if threshold < 0:
        raise ValueError(
            f"extensions.queues.newBatchThreshold must not be negative, but is {threshold}"
        )
    encoding = str(section.get("messageencoding", "base64")).lower()
    if encoding not in {"base64", "none"}:
        raise ValueError(
            f"extensions.queues.messageEncoding must be base64 or none, not {encoding}"
        )
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=threshold,
        max_dequeue_count=max(1, int(str(section.get("maxdequeuecount", 5)))),
        visibility_s=parse_span(str(section.get("visibilitytimeout", "00:00:00"))),
        base64=encoding == "base64",
        max_polling_s=_polling(section.get("maxpollinginterval", "00:00:02")),
    )


def _polling(value: Json) -> float:
    """Read the interval as a time span; the real host also accepts milliseconds as a plain
    number."""
    return int(value) / 1000 if isinstance(value, int) else parse_span(str(value))
