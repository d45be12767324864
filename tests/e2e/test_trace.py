"""One run is one trace, from the event that caused it to the event that ends it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from tests.e2e.http_client import call
from tests.e2e.local import Stack
from tests.patience import until

STEPS = {"plan", "submit", "receipts of a run", "assemble", "announce"}


class Collector(ThreadingHTTPServer):
    """An OTLP endpoint that keeps every span, and the names of the metrics, that it receives."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Export)
        self.spans: list[Span] = []
        self.metrics: set[str] = set()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def of(self, run: Run) -> list[Span]:
        trace = run.traceparent.split("-")[1]
        return [span for span in list(self.spans) if span.trace_id.hex() == trace]

    def expect(self, run: Run, names: set[str]) -> list[Span]:
        """Wait for these spans of a run's trace."""

        def complete() -> list[Span]:
            found = self.of(run)
            return found if names <= {span.name for span in found} else []

        def tell() -> str:
            return f"There are {sorted((s.name, s.trace_id.hex()) for s in self.spans)}"

        return until(complete, 10, f"the spans {names} of {run.traceparent}", tell)


class _Export(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        {"/v1/traces": self._traces, "/v1/metrics": self._metrics}[self.path](body)
        self.send_response(200)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _traces(self, body: bytes) -> None:
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                self.server.spans += scope.spans

    def _metrics(self, body: bytes) -> None:
        for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            for scope in resource.scope_metrics:
                self.server.metrics |= {metric.name for metric in scope.metrics}

    def log_message(self, *_: object) -> None: ...


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """A stack whose app exports to the collector."""
    folder: Path = tmp_path_factory.mktemp("traced")
    settings = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint}
    stack = Stack(folder, "benign", extra_settings=settings)
    stack.start()
    yield stack
    stack.stop()


def test_an_upload_is_one_trace_from_its_event_to_the_completion_event(traced, collector):
    run, event = traced.finished(traced.upload("acts/one.txt", b"ok a\nok b\n", "acts"))
    spans = collector.expect(run, STEPS | {"claim"})
    assert event["traceparent"] == run.traceparent
    known = {run.traceparent.split("-")[2], *(span.span_id.hex() for span in spans)}
    assert {span.parent_span_id.hex() for span in spans} <= known
    assert all(span.status.code != Status.STATUS_CODE_ERROR for span in spans)


def test_the_span_of_a_claim_names_the_run_and_links_its_event(traced, collector):
    run = traced.ended(traced.upload("acts/two.txt", b"ok a\n", "acts"))
    (claim,) = [span for span in collector.expect(run, {"claim"}) if span.name == "claim"]
    assert {entry.key: entry.value.string_value for entry in claim.attributes} == {
        "fanfare.run": run.id,
        "fanfare.pipeline": "acts",
    }
    (link,) = claim.links
    until(lambda: name_of(collector, link.span_id) == "blob-events", 10, "the event's own span")


def test_a_request_begins_a_trace_that_its_redrive_continues(traced, collector):
    traced.engine.ports.writer.write(BlobRef("input", "by-request.txt"), b"fail a\n")
    body = {"pipeline": "strict-acts", "input": {"container": "input", "name": "by-request.txt"}}
    status, answer = call(traced, "POST", "/api/runs", body)
    assert status == 202
    run, first = traced.finished(answer["id"])
    collector.expect(run, STEPS | {"claim"})
    assert call(traced, "POST", f"/api/runs/{run.id}/redrive")[0] == 202
    until(lambda: announcements(collector, run) == 2, 60, "the second announcement")
    assert "redrive" in {span.name for span in collector.of(run)}
    second = traced.announced(naming.Generation(run.id, 2).event(State.FAILED))
    assert first["traceparent"] == second["traceparent"] == run.traceparent


def test_what_goes_wrong_is_on_the_span_it_went_wrong_in(traced, collector):
    run = traced.ended(traced.upload("strict/bad.txt", b"\xff\xfe\x00", "strict-acts"))
    spans = collector.expect(run, {"plan", "announce"})
    told = [
        attribute.value.string_value for e in events(spans, "plan") for attribute in e.attributes
    ]
    assert any("plan-failed" in text for text in told)


def test_verdicts_and_the_age_of_messages_are_exported_as_metrics(traced, collector):
    traced.ended(traced.upload("acts/three.txt", b"ok a\n", "acts"))
    wanted = {"fanfare.runs", "fanfare.items", "fanfare.node_seconds", "fanfare.message.age"}
    until(lambda: wanted <= collector.metrics, 30, f"the metrics {wanted}")


def name_of(collector: Collector, span_id: bytes) -> str:
    return next((span.name for span in collector.spans if span.span_id == span_id), "")


def announcements(collector: Collector, run: Run) -> int:
    return sum(span.name == "announce" for span in collector.of(run))


def events(spans: list[Span], name: str) -> list[Span.Event]:
    return [event for span in spans if span.name == name for event in span.events]


pytestmark = pytest.mark.timeout(200)
