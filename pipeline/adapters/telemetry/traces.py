"""Exports traces to an OTLP endpoint, to Application Insights, or to both.

Threads of their own do it: a slow or dead endpoint loses spans, but does not delay a handler.
Sources: OpenTelemetry's environment variables; azure-monitor-opentelemetry-exporter.
"""

import logging
from collections.abc import Sequence
from typing import override

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from pipeline.adapters.telemetry.reporting import Losses, quiet
from pipeline.settings import Settings

_EXPORT_EVERY_MS = 500
_EXPORT_TIMEOUT_S = 2.0

_log = logging.getLogger("fanfare")


def configure(settings: Settings) -> None:
    """Install the configured exporters; call this once per process."""
    _log.addHandler(SpanLog())
    trace.set_tracer_provider(provider(settings))


def provider(settings: Settings) -> TracerProvider:
    """Make a provider that exports within a second, and the rest when the process ends."""
    quiet()
    # Not the sampler of OTEL_TRACES_SAMPLER: that one is for the Functions host, whose names for
    # samplers this SDK does not know.
    resource = Resource.create({"service.name": "fanfare"})
    made = TracerProvider(sampler=ALWAYS_ON, resource=resource)
    for exporter in _exporters(settings):
        reporting = _Reporting(exporter)
        made.add_span_processor(
            BatchSpanProcessor(reporting, schedule_delay_millis=_EXPORT_EVERY_MS)
        )
    return made


class SpanLog(logging.Handler):
    """Adds every log record to the span that it was written in; an error marks the span."""

    @override
    def emit(self, record: logging.LogRecord) -> None:
        span = trace.get_current_span()
        if not span.is_recording():
            return
        text = record.getMessage()
        span.add_event("log", {"level": record.levelname, "message": text})
        if record.exc_info and record.exc_info[1]:
            span.record_exception(record.exc_info[1])
        if record.levelno >= logging.ERROR:
            span.set_status(trace.StatusCode.ERROR, text)


class _Reporting(SpanExporter):
    """An exporter that logs at most one of its failures in five minutes."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter, self._losses = exporter, Losses("Traces", exporter)

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._losses.report(len(spans))
        return result

    @override
    def shutdown(self) -> None:
        self._exporter.shutdown()


def _exporters(settings: Settings) -> list[SpanExporter]:
    found: list[SpanExporter] = []
    if settings.otlp_endpoint:
        url = f"{settings.otlp_endpoint.rstrip('/')}/v1/traces"
        found.append(OTLPSpanExporter(url, timeout=_EXPORT_TIMEOUT_S))
    if settings.insights_connection:
        # Imported only where it is needed: it takes half a second.
        from azure.monitor.opentelemetry.exporter import (  # noqa: PLC0415
            AzureMonitorTraceExporter,
        )

        found.append(AzureMonitorTraceExporter(connection_string=settings.insights_connection))
    return found
