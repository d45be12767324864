"""host.json: its defaults, overrides from app settings, and refusals of what the host cannot do."""

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast

from emulators.functions.errors import StartError
from emulators.functions.timespans import parse_span
from emulators.functions.worker.wire import Json

_LOG = logging.getLogger("host")
_PREFIX = "azurefunctionsjobhost__"
_MAX_BATCH = 32
_MINUTE_S = 60.0
_SHORTEST_POLLING_S = 0.1
_ENCODINGS = {"none": False, "0": False, "base64": True, "1": True}
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
    max_polling_s: float = 60.0


@dataclass(frozen=True)
class Surroundings:
    """What decides over defaults: the environment that the host is in, and its processors."""

    development: bool = True
    processors: int = 1

    @classmethod
    def of(cls, settings: Mapping[str, str]) -> Self:
        """Read them from the app settings; one processor counts in a plan that scales to zero."""
        name = settings.get("AZURE_FUNCTIONS_ENVIRONMENT", "Development")
        dynamic = settings.get("WEBSITE_SKU", "") == "Dynamic"
        return cls(name.lower() == "development", 1 if dynamic else os.cpu_count() or 1)


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
        return parse_host_options(apply_overrides(document, settings), Surroundings.of(settings))
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


def parse_host_options(document: dict[str, Json], around: Surroundings) -> HostOptions:
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
        queues=_queue_options(_section(extensions, "queues"), around),
    )


def _section(document: Mapping[str, Json], name: str) -> dict[str, Json]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise TypeError(f"{name} must be an object")
    return value


def _timeout(value: str) -> float | None:
    return None if value == "-1" else parse_span(value)


def _queue_options(section: dict[str, Json], around: Surroundings) -> QueueOptions:
    batch_size = _number(section, "batchSize", 16, lowest=1, highest=_MAX_BATCH)
    threshold = batch_size // 2 * around.processors
    return QueueOptions(
        batch_size=batch_size,
        new_batch_threshold=_number(section, "newBatchThreshold", threshold, lowest=0),
        max_dequeue_count=_number(section, "maxDequeueCount", 5, lowest=1),
        visibility_s=_span(section, "visibilityTimeout", 0.0),
        base64=_encoding(section.get("messageencoding", "base64")),
        max_polling_s=_polling(_span(section, "maxPollingInterval", _MINUTE_S), around),
    )


def _number(
    section: dict[str, Json], name: str, default: int, *, lowest: int, highest: int | None = None
) -> int:
    value = int(str(section.get(name.lower(), default)))
    if value < lowest or (highest is not None and value > highest):
        allowed = f"{lowest} or more" if highest is None else f"{lowest} to {highest}"
        raise ValueError(f"extensions.queues.{name} must be {allowed}, not {value}")
    return value


def _span(section: dict[str, Json], name: str, default: float) -> float:
    """Read a time span; a bare number means days, as .NET parses it."""
    value = section.get(name.lower())
    try:
        return default if value is None else parse_span(str(value))
    except ValueError as error:
        raise ValueError(f"extensions.queues.{name}: {error}") from error


def _polling(seconds: float, around: Surroundings) -> float:
    if seconds < _SHORTEST_POLLING_S:
        raise ValueError(
            f"extensions.queues.maxPollingInterval must be {_SHORTEST_POLLING_S} s or more, "
            f"not {seconds:g} s"
        )
    # Azure takes a minute for a value that nobody has set.
    return 2.0 if around.development and seconds == _MINUTE_S else seconds


def _encoding(value: Json) -> bool:
    encoding = _ENCODINGS.get(str(value).lower())
    if encoding is None:
        raise ValueError(f"extensions.queues.messageEncoding must be base64 or none, not {value!r}")
    return encoding
