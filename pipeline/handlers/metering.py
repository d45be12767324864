"""Metrics of the engine: verdicts, items, node time, cost, waits, and how long messages wait.

Without a configured provider (see `adapters/telemetry/metrics.py`) the API does nothing. Attributes
have few values: pipelines, states, obstacles, queues. What one run did is in its trace and its row.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from opentelemetry import metrics

from pipeline.domain.runs.run import Run

_METER = metrics.get_meter("fanfare")
_RUNS = _METER.create_counter("fanfare.runs", "{run}", "Verdicts, by pipeline and state")
_ITEMS = _METER.create_counter("fanfare.items", "{item}", "Items of verdicts, by outcome")
_NODE_SECONDS = _METER.create_counter("fanfare.node_seconds", "s", "Node time that was used")
_COST = _METER.create_counter("fanfare.cost", "1", "What the node time costs, by currency")
_WAITING = _METER.create_gauge("fanfare.runs.waiting", "{run}", "Active runs, by obstacle")
_AGE = _METER.create_histogram("fanfare.message.age", "s", "How long a message waited, by queue")
_shown: set[str] = set()  # obstacles that this process has shown since they were last zero


def ended(before: Run, run: Run) -> None:
    """Count a verdict, and what the generation added to what the run had `before`.

    Items that fail are counted with each verdict that says so.
    """
    told = {"pipeline": run.pipeline}
    _RUNS.add(1, {**told, "state": str(run.state)})
    _ITEMS.add(max(0, run.succeeded - before.succeeded), {**told, "outcome": "succeeded"})
    _ITEMS.add(run.failed, {**told, "outcome": "failed"})
    _NODE_SECONDS.add(max(0.0, run.node_seconds - before.node_seconds), told)
    if run.currency:
        _COST.add(max(0.0, run.cost - before.cost), {**told, "currency": run.currency})


def waiting(runs: Mapping[str, int]) -> None:
    """Show how many active runs each obstacle holds; one that holds none any more is zero once."""
    for obstacle in _shown - runs.keys():
        _WAITING.set(0, {"obstacle": obstacle})
    for obstacle, count in runs.items():
        _WAITING.set(count, {"obstacle": obstacle})
    _shown.clear()
    _shown.update(runs)


def taken(queue: str, inserted: datetime, now: datetime) -> None:
    """Note how long a message was in its queue. A time without a zone is UTC, as hosts write it."""
    at = inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC)
    _AGE.record(max(0.0, (now - at).total_seconds()), {"queue": queue})
