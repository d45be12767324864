"""Which runs may begin: job slots, concurrent runs, pauses; in order of priority, then age."""

import json

from pipeline.handlers.doors import http
from pipeline.handlers.ending import steer
from pipeline.handlers.ending.conclude import fail
from pipeline.handlers.mending import sweep
from pipeline.ledger import places, runs
from pipeline.ledger.layout import RUNS
from pipeline.ports.tables import Insert, Remove, Row
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES


def states(app):
    return {run.input.name: str(run.state) for run in app.all_runs()}


def test_without_a_job_slot_a_run_waits_and_says_why(app_with):
    app = app_with(quota=1)
    app.upload("lines/a.txt", b"one\n")
    app.upload("lines/b.txt", b"one\n")
    app.pump()
    assert sorted(states(app).values()) == ["running", "waiting"]
    (waiting,) = (run for run in app.all_runs() if run.state == "waiting")
    assert "1 active jobs" in waiting.why
    assert "1 active jobs" in http.show_run(app.engine, waiting.id).body["why"]
    app.settle()
    assert set(states(app).values()) == {"succeeded"}


def test_the_next_run_is_admitted_when_one_ends_without_waiting_for_the_sweep(app_with):
    app = app_with(quota=1)
    for name in "abc":
        app.upload(f"lines/{name}.txt", b"one\n")
    while app.pump() + app.run_tasks():
        continue
    assert set(states(app).values()) == {"succeeded"}


def test_priority_comes_before_age(app_with):
    urgent = LINES.replace("lines/", "urgent/") + "priority: 5\n"
    app = app_with(also={"other": urgent}, quota=1)
    for name in ("lines/a.txt", "lines/b.txt", "urgent/c.txt"):
        app.upload(name, b"one\n")
        app.pump()
        app.world.clock.advance(seconds=1)
    app.settle()
    order = [event["data"]["input"]["name"] for event in app.world.events.published]
    assert order == ["lines/a.txt", "urgent/c.txt", "lines/b.txt"]


def test_older_runs_come_first(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    for name in "abcd":
        app.upload(f"lines/{name}.txt", b"one\n")
        app.pump()
        app.world.clock.advance(seconds=1)
    while app.pump() + app.run_tasks():
        app.world.clock.advance(seconds=1)
    order = sorted(app.all_runs(), key=lambda run: run.ended_at)
    assert [run.input.name[6] for run in order] == list("abcd")


def test_no_more_runs_go_at_once_than_allowed(app_with):
    app = app_with(LINES + "max_concurrent_runs: 2\n")
    for name in "abcd":
        app.upload(f"lines/{name}.txt", b"one\n")
    app.pump()
    assert sorted(states(app).values()) == ["running", "running", "waiting", "waiting"]
    (why, *_) = {run.why for run in app.all_runs() if run.state == "waiting"}
    assert why == "2 of at most 2 runs of job are active (fanfare ls job --active)"
    app.settle()
    assert set(states(app).values()) == {"succeeded"}


def test_every_verdict_gives_its_place_back(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    ends = [
        lambda run: steer.cancel(app.engine, run.id),
        lambda run: fail(app.engine, runs.need(app.world.tables, run.id), "poisoned", "x"),
        lambda _run: (app.world.clock.advance(hours=7), sweep.sweep(app.engine)),
    ]
    for number, end in enumerate(ends):
        app.upload(f"lines/{number}.txt", b"one\n")
        app.pump()
        end(next(run for run in app.all_runs() if not run.over))
    app.upload("lines/last.txt", b"one\n")
    app.settle()
    assert states(app)["lines/last.txt"] == "succeeded"


def test_a_paused_pipeline_keeps_its_runs_waiting(app_with):
    app = app_with()
    app.world.tables.transact(RUNS, "job", [Insert(Row("job", "!paused", {}))])
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    for _ in range(3):
        app.pass_time()
        app.pump()
    assert app.only_run().state == "waiting"
    assert "paused" in app.only_run().why
    assert places.paused(app.world.tables, "job")
    app.world.tables.transact(RUNS, "job", [Remove("!paused")])
    app.settle()
    assert app.only_run().state == "succeeded"


def test_runs_that_wait_for_ever_do_not_keep_others_waiting(app_with):
    app = app_with(also={"other": LINES.replace("lines/", "other/")}, quota=1)
    app.world.tables.transact(RUNS, "job", [Insert(Row("job", "!paused", {}))])
    for number in range(12):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.upload("other/a.txt", b"one\n")
    app.upload("other/b.txt", b"one\n")
    for _ in range(5):
        while app.pump() + app.run_tasks():
            continue
        app.pass_time()
    assert {s for name, s in states(app).items() if name.startswith("other/")} == {"succeeded"}


def calls_of_a_verdict(app_with, waiting: int) -> int:
    """Count the calls of Storage by which a verdict admits the next of so many waiting runs."""
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    for number in range(waiting + 1):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.pump()
    (going,) = (run for run in app.all_runs() if run.state == "running")
    injector = Injector()
    app.through(injector.ports(app.world.ports))
    steer.cancel(app.engine, going.id)
    assert sorted(states(app).values()).count("claimed") == 1
    return len(injector.trace)


def test_admitting_the_next_run_does_not_read_all_that_wait(app_with):
    assert calls_of_a_verdict(app_with, 60) == calls_of_a_verdict(app_with, 3)


def in_line(app) -> list[str]:
    rows = app.world.tables.rows(RUNS, "job")
    return [row.key for row in rows if row.key.startswith("wait:")]


def test_no_row_of_the_line_is_left_when_all_have_begun(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    for name in "abc":
        app.upload(f"lines/{name}.txt", b"one\n")
    app.pump()
    assert len(in_line(app)) == 2
    app.settle()
    assert in_line(app) == []


def test_a_run_that_was_cancelled_while_it_waited_leaves_the_line(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    for name in "abc":
        app.upload(f"lines/{name}.txt", b"one\n")
    app.pump()
    waiting = [run for run in app.all_runs() if run.state == "waiting"]
    steer.cancel(app.engine, waiting[0].id)
    app.settle()
    for _ in range(3):
        app.pass_time()
    assert in_line(app) == []
    assert sorted(states(app).values()) == ["cancelled", "succeeded", "succeeded"]


def test_runs_that_an_earlier_release_let_wait_get_into_the_line(app_with):
    app = app_with(LINES + "max_concurrent_runs: 1\n")
    for name in "abc":
        app.upload(f"lines/{name}.txt", b"one\n")
    app.pump()
    for key in in_line(app):
        app.world.tables.transact(RUNS, "job", [Remove(key)])
    app.settle()
    assert set(states(app).values()) == {"succeeded"}


def test_a_run_with_a_place_but_no_job_slot_is_not_behind_those_without_a_place(app_with):
    urgent = LINES.replace("lines/", "other/")
    app = app_with(LINES + "max_concurrent_runs: 1\n", also={"other": urgent}, quota=1)
    app.upload("other/a.txt", b"one\n")
    app.pump()
    for name in "ab":
        app.upload(f"lines/{name}.txt", b"one\n")
    app.pump()
    taken = places.read(app.world.tables, "job").holders
    holder = runs.need(app.world.tables, taken[0])
    # The run that waits for a place comes first by its priority, which was raised meanwhile.
    (behind,) = (run for run in app.all_runs() if run.pipeline == "job" and run.id != taken[0])
    raised = {**json.loads(behind.definition), "priority": 9}
    app.world.tables.get(RUNS, "job", behind.id).values["definition"] = json.dumps(raised)
    for key in in_line(app):
        app.world.tables.transact(RUNS, "job", [Remove(key)])
    assert holder.run.state == "waiting"
    app.settle()
    assert set(states(app).values()) == {"succeeded"}
