"""Spans of a run belong to one trace, show errors, and cost nothing without an exporter."""

import logging

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from pipeline import bootstrap
from pipeline.adapters.telemetry import traces as telemetry
from pipeline.errors import Permanent, Transient
from pipeline.handlers.tracing import span
from tests.fakes.crash import Injector

PARENT = "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"


@pytest.fixture(scope="module")
def exporter():
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    handler = telemetry.SpanLog()
    bootstrap.configure_logging(handler)  # as on the app's logger, but only in this test
    logging.getLogger("fanfare").addHandler(handler)
    yield exporter
    logging.getLogger("fanfare").removeHandler(handler)
    provider.shutdown()


@pytest.fixture
def spans(exporter):
    exporter.clear()
    return exporter.get_finished_spans


def test_a_whole_run_is_one_trace(app_with, spans):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    ours = int(app.only_run().traceparent.split("-")[1], 16)
    names = {span.name for span in spans() if span.context.trace_id == ours}
    assert names == {"claim", "plan", "submit", "receipts of a run", "assemble", "announce"}
    (event,) = app.world.events.published
    assert event["traceparent"] == app.only_run().traceparent


def test_a_span_of_another_trace_links_the_one_around_it(spans):
    with span("outer", ""), span("inner", PARENT, run="job-1"):
        pass
    inner, outer = spans()
    assert (inner.parent.span_id, inner.attributes) == (
        0xCDCDCDCDCDCDCDCD,
        {"fanfare.run": "job-1"},
    )
    assert [link.context for link in inner.links] == [outer.context]


@pytest.mark.parametrize("given", ["x", "00-" + "0" * 32 + "-" + "0" * 16 + "-01", PARENT + "\n-"])
def test_a_malformed_traceparent_begins_a_new_trace(spans, given):
    with span("first", given):
        pass
    assert spans()[0].parent is None


def test_an_exception_that_leaves_a_span_is_recorded(spans):
    with pytest.raises(Permanent), span("first", PARENT):
        raise Permanent("It cannot be done.")
    (failed,) = spans()
    assert failed.status.status_code is trace.StatusCode.ERROR
    assert failed.events[0].attributes["exception.message"] == "It cannot be done."


def test_a_message_that_is_put_back_says_why_on_its_span(app_with, spans, caplog):
    caplog.set_level(logging.INFO, "fanfare")
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    injector = Injector(at=("tables", "transact", 1), error=Transient("the table is busy"))
    app.through(injector.ports(app.world.ports))
    app.pump()
    (event,) = next(s for s in spans() if s.name == "blob-events").events
    assert "the table is busy" in event.attributes["message"]
