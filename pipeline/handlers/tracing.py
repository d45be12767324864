"""Spans of a run's one trace, from the event that caused it to the event that ends it.

The trace's id is derived from the run's, so no hand-over can lose it. Without a configured provider
(see `adapters/telemetry/traces.py`) the API does nothing.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_TRACER = trace.get_tracer("fanfare")
_PROPAGATOR = TraceContextTextMapPropagator()


@contextmanager
def span(name: str, traceparent: str, **attributes: str | int) -> Iterator[None]:
    """Run a block as a span of the trace that `traceparent` (W3C) names; "" begins a trace.

    An exception that leaves the block is recorded on the span. An enclosing span of another trace
    is linked, since one event may start several runs.
    """
    parent = _PROPAGATOR.extract({"traceparent": traceparent}) if traceparent else None
    around = trace.get_current_span().get_span_context()
    ours = trace.get_current_span(parent).get_span_context()
    links = [trace.Link(around)] if around.is_valid and around.trace_id != ours.trace_id else []
    fields = {f"fanfare.{key}": value for key, value in attributes.items()}
    with _TRACER.start_as_current_span(name, context=parent, attributes=fields, links=links):
        yield
