"""Exports traces where the environment says: an OTLP endpoint, Application Insights, or both.

Sources: OpenTelemetry's environment variables; azure-monitor-opentelemetry-exporter.
"""

from azure.monitor.opentelemetry.exporter import AzureMonitorTraceExporter
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from pipeline.settings import Settings

_EXPORT_EVERY_MS = 1000


def configure(settings: Settings) -> None:
    """Install the exporters that are configured; call once a process."""
    provider = TracerProvider(resource=Resource.create({"service.name": "fanfare"}))
    if settings.otlp_endpoint:
        exporter = OTLPSpanExporter()
        provider.add_span_processor(
            BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS)
        )
    if settings.insights_connection:
        monitor = AzureMonitorTraceExporter(connection_string=settings.insights_connection)
        provider.add_span_processor(BatchSpanProcessor(monitor))
    trace.set_tracer_provider(provider)
