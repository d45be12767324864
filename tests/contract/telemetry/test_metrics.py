"""Metrics go over OTLP to an endpoint; one that does not answer does no harm."""

import gzip
import http.server
import socket
import threading
import time

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from pipeline.adapters.telemetry import metrics as telemetry
from tests.contract.telemetry.test_traces import settings
from tests.patience import stretched


class Collector(http.server.BaseHTTPRequestHandler):
    """Takes what an exporter posts."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.taken.append((self.path, ExportMetricsServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        """Print nothing."""


@pytest.fixture
def collector():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        server.taken = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_what_was_counted_is_exported_when_the_process_ends(collector):
    provider = telemetry.provider(settings(f"http://127.0.0.1:{collector.server_port}"))
    provider.get_meter("test").create_counter("fanfare.runs").add(2, {"state": "succeeded"})
    provider.shutdown()
    ((path, told),) = collector.taken
    assert path == "/v1/metrics"
    (resource,) = told.resource_metrics
    names = {a.key: a.value.string_value for a in resource.resource.attributes}
    assert names["service.name"] == "fanfare"
    (metric,) = resource.scope_metrics[0].metrics
    assert (metric.name, metric.sum.data_points[0].as_int) == ("fanfare.runs", 2)


def test_a_dead_endpoint_slows_no_handler_and_is_logged_once(caplog):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        provider = telemetry.provider(settings(f"http://127.0.0.1:{unused.getsockname()[1]}"))
        counter, began = provider.get_meter("test").create_counter("work"), time.monotonic()
        for _ in range(1000):
            counter.add(1)
        assert time.monotonic() - began < stretched(1)
        provider.force_flush()
        provider.shutdown()
    (told,) = caplog.records
    assert "Metrics cannot be exported" in told.getMessage()


def test_without_an_endpoint_nothing_is_exported():
    provider = telemetry.provider(settings(""))
    provider.get_meter("test").create_counter("work").add(1)
    provider.shutdown()
