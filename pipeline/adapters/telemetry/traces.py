"""Exports traces to an OTLP endpoint, to Application Insights, or to both.

Threads of their own do it: a slow or dead endpoint loses spans, but does not delay a handler.
Sources: OpenTelemetry's environment variables; azure-monitor-opentelemetry-exporter.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import override

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from pipeline.adapters.telemetry.reporting import (
    EXPORT_TIMEOUT_S,
    SERVICE,
    Losses,
    exporters,
    quiet,
)
from pipeline.settings import Settings

_EXPORT_EVERY_MS = 500

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
    resource = Resource.create(SERVICE)
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


def _exporters(settings: Settings) -> Iterator[SpanExporter]:
    return exporters(settings, "traces", _otlp, _insights)


def _otlp(url: str) -> SpanExporter:
    return OTLPSpanExporter(url, timeout=EXPORT_TIMEOUT_S)


def _insights(connection: str) -> SpanExporter:
    # Imported only where it is needed: it takes half a second.
    from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter  # noqa: PLC0415

    return AzureMonitorTraceExporter(connection_string=connection)
