"""What the engine's metrics say of runs, by hand-sized examples."""

import json
import re
from datetime import UTC, datetime, timedelta

import pytest
from opentelemetry import metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from pipeline.domain.runs.messages import Queue
from pipeline.handlers import metering
from pipeline.handlers.doors import dispatch, timers
from pipeline.handlers.ending import steer
from tests.fakes.node import Failure
from tests.infra.deployment import INFRA

NAMES = {
    "fanfare.runs",
    "fanfare.items",
    "fanfare.node_seconds",
    "fanfare.cost",
    "fanfare.runs.waiting",
    "fanfare.message.age",
}


@pytest.fixture(scope="module")
def reader():
    """Install a provider; a process can have one only, so no other test does."""
    made = InMemoryMetricReader()
    metrics.set_meter_provider(MeterProvider([made]))
    return made


@pytest.fixture
def grown(reader):
    """Return a function that says what metrics have grown to since the test began."""
    before = points(reader)

    def read():
        now = points(reader)
        return {key: value - before.get(key, 0) for key, value in now.items()}

    return read


def points(reader):
    """Return all values, by name and attributes; of a histogram its count."""
    data = reader.get_metrics_data()
    found = [
        (metric.name, point)
        for resource in (data.resource_metrics if data else ())
        for scope in resource.scope_metrics
        for metric in scope.metrics
        for point in metric.data.data_points
    ]
    return {
        (name, *sorted(dict(point.attributes).items())): getattr(point, "value", None)
        or getattr(point, "count", 0)
        for name, point in found
    }


def of(pipeline, **more):
    return sorted({"pipeline": pipeline, **more}.items())


def test_a_run_that_succeeded_is_one_verdict_with_its_items_node_time_and_cost(app_with, grown):
    app = app_with()
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    run, told = app.only_run(), grown()
    assert told["fanfare.runs", *of("job", state="succeeded")] == 1
    assert told["fanfare.items", *of("job", outcome="succeeded")] == 2
    assert told["fanfare.node_seconds", *of("job")] == pytest.approx(run.node_seconds)
    assert run.node_seconds > 0
    assert told["fanfare.cost", *of("job", currency="USD")] == pytest.approx(run.cost)


def test_a_redrive_adds_only_what_it_did_itself(app_with, grown):
    broken = [True]

    def program(item):
        if item.id == 1 and broken[0]:
            return Failure("program-failed")
        return [("part.txt", b"x")]

    app = app_with(program=program)
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    assert app.only_run().state == "failed"
    broken[0] = False
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    run, told = app.only_run(), grown()
    assert run.state == "succeeded"
    assert told["fanfare.runs", *of("job", state="failed")] == 1
    assert told["fanfare.runs", *of("job", state="succeeded")] == 1
    assert told["fanfare.items", *of("job", outcome="succeeded")] == 2
    assert told["fanfare.items", *of("job", outcome="failed")] == 1
    assert told["fanfare.node_seconds", *of("job")] == pytest.approx(run.node_seconds)


def test_a_run_that_waits_is_shown_under_its_obstacle_until_it_goes_on(app_with, reader):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    for _ in range(20):
        app.world.clock.advance(minutes=1)
        timers.every_minute(app.engine)
        app.pump()
    obstacle = ("obstacle", str(app.only_run().obstacle.code))
    assert points(reader)["fanfare.runs.waiting", obstacle] == 1
    app.settle()
    timers.every_minute(app.engine)
    assert points(reader)["fanfare.runs.waiting", obstacle] == 0


@pytest.mark.parametrize("zone", [UTC, None])
def test_the_age_of_a_message_is_noted_by_its_queue(app_with, grown, zone):
    app = app_with()
    event = app.world.blobs.created_event(app.world.blobs.put("input", "other/x", b"").ref)
    inserted = (app.world.clock.now() - timedelta(seconds=90)).replace(tzinfo=zone)
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, json.dumps(event), 1, inserted)
    assert grown()["fanfare.message.age", ("queue", "blob-events")] == 1


def test_a_message_that_seems_to_come_from_the_future_has_the_age_zero(grown):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    metering.taken("work", now + timedelta(seconds=5), now)
    assert grown()["fanfare.message.age", ("queue", "work")] == 1


def test_the_workbook_and_the_docs_have_the_metrics_and_no_others(reader):
    shown = (INFRA / "workbook.json").read_text("utf-8")
    assert {name for name in NAMES if f"'{name}'" in shown} == NAMES
    assert shown.count("customMetrics | where name == 'fanfare.") == len(NAMES)
    assert {key[0] for key in points(reader)} == NAMES
    page = (INFRA.parent / "docs/operations.md").read_text("utf-8")
    assert set(re.findall(r"^\| `(fanfare\.[\w.]+)` \|", page, re.MULTILINE)) == NAMES
