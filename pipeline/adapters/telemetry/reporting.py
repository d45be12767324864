"""What exporters of traces and metrics share: where they export to, and how a loss is told."""

import logging
import time
from collections.abc import Callable, Iterator

from pipeline.settings import Settings

EXPORT_TIMEOUT_S = 2.0
SERVICE = {"service.name": "fanfare"}
_REPORT_EVERY_S = 300.0
# They log every failure; `Losses` logs one in five minutes.
_TALKATIVE = ("opentelemetry.exporter", "opentelemetry.sdk._shared_internal", "azure.monitor")

_log = logging.getLogger("fanfare")


def quiet() -> None:
    """Silence exporters, which log every failure."""
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def exporters[E](
    settings: Settings, signal: str, otlp: Callable[[str], E], insights: Callable[[str], E]
) -> Iterator[E]:
    """Yield the exporters of `traces` or `metrics` that are configured.

    `otlp` makes one for a URL, `insights` one for a connection string of Application Insights.
    """
    if settings.otlp_endpoint:
        yield otlp(f"{settings.otlp_endpoint.rstrip('/')}/v1/{signal}")
    if settings.insights_connection:
        yield insights(settings.insights_connection)


class Losses:
    """Logs at most one failure of an exporter in five minutes; `what` is `Traces` or `Metrics`."""

    def __init__(
        self, what: str, exporter: object, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what, self._exporter, self._clock = what, type(exporter).__name__, clock
        self._reported: float | None = None

    def report(self, lost: int) -> None:
        """Log that so many spans or metrics were lost, if that was not said lately."""
        now = self._clock()
        if self._reported is not None and now - self._reported < _REPORT_EVERY_S:
            return
        self._reported = now
        _log.warning(
            "%s cannot be exported; the work continues without them",
            self._what,
            extra={"action": "telemetry", "exporter": self._exporter, "lost": lost},
        )
