"""Traces are exported in the background; an endpoint that does not answer does no harm."""

import socket
import time
from dataclasses import replace
from pathlib import Path

from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from pipeline.adapters.telemetry import traces as telemetry
from pipeline.settings import Settings
from tests.patience import stretched


def test_a_dead_endpoint_slows_no_handler_and_is_logged_once(caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        provider = telemetry.provider(settings(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        tracer, began = provider.get_tracer("test"), time.monotonic()
        for _ in range(520):  # two batches
            tracer.start_span("work").end()
        assert time.monotonic() - began < stretched(
            5
        )  # exporting would take longer, again and again
        provider.shutdown()
    (told,) = caplog.records
    assert "Traces cannot be exported" in told.message


def test_every_span_is_kept_whatever_the_environment_tells_the_host(monkeypatch, caplog):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    provider = telemetry.provider(settings(""))
    unsampled = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-00"
    parent = TraceContextTextMapPropagator().extract({"traceparent": unsampled})
    for context in (None, parent):
        with provider.get_tracer("test").start_as_current_span("work", context) as span:
            assert span.get_span_context().trace_flags.sampled
    assert caplog.records == []


def settings(endpoint: str) -> Settings:
    environ = {
        name: "x"
        for name in (
            "AzureWebJobsStorage",
            "FANFARE_BATCH_ENDPOINT",
            "FANFARE_TOPIC_ENDPOINT",
            "FANFARE_NODE_IDENTITY",
        )
    }
    return replace(Settings.from_env(environ, Path()), otlp_endpoint=endpoint)
