"""Exports metrics to an OTLP endpoint, to Application Insights, or to both.

A thread of its own does it every ten seconds, and when the process ends. Sources: OpenTelemetry's
environment variables; azure-monitor-opentelemetry-exporter.
"""

from collections.abc import Iterator
from typing import override

from opentelemetry import metrics
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource

from pipeline.adapters.telemetry.reporting import (
    EXPORT_TIMEOUT_S,
    SERVICE,
    Losses,
    exporters,
    quiet,
)
from pipeline.settings import Settings

_EXPORT_EVERY_MS = 10_000.0


def configure(settings: Settings) -> None:
    """Install the configured exporters; call this once per process."""
    metrics.set_meter_provider(provider(settings))


def provider(settings: Settings) -> MeterProvider:
    """Make a provider that exports every ten seconds, and the rest when the process ends."""
    quiet()
    readers = [
        PeriodicExportingMetricReader(_Reporting(exporter), _EXPORT_EVERY_MS)
        for exporter in _exporters(settings)
    ]
    return MeterProvider(readers, Resource.create(SERVICE))


class _Reporting(MetricExporter):
    """An exporter that logs at most one of its failures in five minutes."""

    def __init__(self, exporter: MetricExporter) -> None:
        # Differences or sums, as the exporter prefers: no public name has them.
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter, self._losses = exporter, Losses("Metrics", exporter)

    @override
    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: object
    ) -> MetricExportResult:
        result = self._exporter.export(metrics_data, timeout_millis)
        if result is not MetricExportResult.SUCCESS:
            self._losses.report(len(metrics_data.resource_metrics))
        return result

    @override
    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)

    @override
    def shutdown(self, timeout_millis: float = 30_000, **kwargs: object) -> None:
        self._exporter.shutdown(timeout_millis)


def _exporters(settings: Settings) -> Iterator[MetricExporter]:
    return exporters(settings, "metrics", _otlp, _insights)


def _otlp(url: str) -> MetricExporter:
    return OTLPMetricExporter(url, timeout=EXPORT_TIMEOUT_S)


def _insights(connection: str) -> MetricExporter:
    # Imported only where it is needed: it takes half a second.
    from azure.monitor.opentelemetry.exporter import AzureMonitorMetricExporter  # noqa: PLC0415

    return AzureMonitorMetricExporter(connection_string=connection)
