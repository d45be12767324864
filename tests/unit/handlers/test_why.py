"""What a run waits for, as `show`, HTTP, the sweep and the event report it."""

from dataclasses import replace
from functools import partial

import pytest

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.reports import NodeCounts, PoolReport, Preparation, Trouble
from pipeline.errors import Transient
from pipeline.handlers.doors import http
from pipeline.handlers.why import obstacle_to
from pipeline.ledger import index, runs
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES, PROGRAMS
from tests.unit.handlers.running.test_stages import work as stages

C = ObstacleCode


class Refusing:
    """A jobs port that refuses to create jobs."""

    def __init__(self, error):
        self.error = error

    def create(self, _spec):
        raise self.error


def running(app):
    """Bring a run to the point where its tasks wait for a node."""
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.pump()
    return app.only_run()


def code_of(app):
    return obstacle_to(app.engine, app.only_run()).code


def set_pool(app, **changes):
    (name,) = app.world.batch.pools
    app.world.batch.pools[name] = replace(app.world.batch.pools[name], **changes)


def test_batch_is_asked_once_an_answer(app_with):
    app = app_with()
    run = running(app)
    injector = Injector()
    app.through(injector.ports(app.world.ports))
    shown = http.show_run(app.engine, run.id).body
    asked = [call.verb for call in injector.trace if call.port == "cluster"]
    assert asked == ["job", "pool"]
    assert shown["obstacle"]["code"] == "tasks-queued"
    assert shown["why"] == shown["obstacle"]["evidence"]


def test_a_preparation_that_fails_is_shown_with_what_the_installer_printed(app_with):
    app = app_with()
    run, batch = running(app), app.world.batch
    (pool,) = batch.pools
    batch.jobs[run.job].preparation = Preparation(Trouble("FailureExitCode", "1", "node-1"))
    batch.words[pool, "node-1", run.job] = "ERROR: No matching distribution found for numpyy"
    found = obstacle_to(app.engine, run)
    assert found.code is C.PREPARATION_FAILING
    assert "No matching distribution found for numpyy" in found.evidence
    assert found.remedy == f"fanfare cancel {run.id}"


def test_a_start_task_that_fails_is_shown_with_its_last_words(app_with):
    app = app_with()
    run, batch = running(app), app.world.batch
    (pool,) = batch.pools
    counts = NodeCounts(start_task_failed=1)
    set_pool(app, counts=counts, node_error=Trouble("FailureExitCode", "exit code 7", "node-1"))
    batch.words[pool, "node-1", ""] = "mount: permission denied"
    found = obstacle_to(app.engine, run)
    assert found.code is C.START_TASK_FAILING and "permission denied" in found.evidence


def test_runs_that_keep_the_nodes_busy_are_named(app_with):
    app = app_with()
    first = running(app)
    app.upload("lines/b.txt", b"three\n")
    app.pump()
    second = next(run for run in app.all_runs() if run.id != first.id)
    set_pool(app, counts=NodeCounts(running=1))
    found = obstacle_to(app.engine, second)
    assert found.code is C.TASKS_BEHIND_OTHERS and first.id in found.evidence


def test_a_split_program_waits_like_any_task(app_with):
    app = app_with(PROGRAMS)
    app.upload("lines/a.txt", b"x")
    app.pump()
    assert app.only_run().state == "planning"
    assert code_of(app) is C.TASKS_QUEUED
    set_pool(app, nodes=0, target_nodes=0, counts=NodeCounts())
    assert code_of(app) is C.POOL_NOT_SCALED


def test_a_further_execution_is_found_in_its_own_job(app_with):
    app = app_with(LINES + "retries: {node-lost: 1}\n")
    run = running(app)
    app.world.batch.terminate(run.job)
    for _ in range(30):
        app.pass_time()
        app.pump()
        if app.only_run().executions:
            break
    assert code_of(app) is C.TASKS_QUEUED


def test_the_event_of_a_run_that_its_limit_ended_says_what_it_waited_for(app_with):
    app = app_with(LINES + "limits: {item: 1m, task: 5m, run: 10m}\n")
    running(app)
    (pool,) = app.world.batch.pools
    error = Trouble("AccountCoreQuotaReached", "no cores left")
    app.world.batch.pools[pool] = PoolReport(
        "active", "steady", 0, 2, resize_errors=[error], formula="x"
    )
    for _ in range(12):
        app.pass_time()
        app.pump()
    run = app.only_run()
    (event,) = app.world.events.published
    assert (run.state, run.cause) == ("failed", "run-timed-out")
    assert event["data"]["obstacle"]["code"] == "core-quota"
    assert "no cores left" in event["data"]["error"]


def test_the_sweep_notes_the_obstacle_once_while_it_stays(app_with):
    app = app_with()
    running(app)
    steps = set()
    for _ in range(4):
        app.pass_time()
        steps.add(app.only_run().step)
    assert app.only_run().obstacle.code is C.TASKS_QUEUED
    assert len(steps) == 2


@pytest.mark.parametrize(
    ("service", "code"),
    [("Batch", C.BATCH_NOT_ANSWERING), ("Storage", C.STORAGE_NOT_ANSWERING), ("", C.STEP_FAILING)],
)
def test_a_step_that_keeps_failing_says_of_which_service_and_why(app_with, service, code):
    app = app_with()
    error = Transient("create the job: 401 (does the app's identity hold its roles?)")
    error.service = service
    real = app.engine.ports
    app.through(replace(real, jobs=Refusing(error)))
    app.upload("lines/a.txt", b"one\n")
    for _ in range(4):
        app.pump()
        app.world.clock.advance(seconds=20)
    found = obstacle_to(app.engine, app.only_run())
    assert found.code is code
    assert "step plan failed" in found.evidence and "401" in found.evidence
    app.through(real)
    app.pass_time()
    app.pump()
    assert app.only_run().state == "running"
    assert code_of(app) is C.TASKS_QUEUED


class WrongKey:
    """A port of Batch that refuses every call, as it does for a wrong key."""

    def __getattr__(self, verb):
        def refuse(*_arguments):
            error = Transient(f"{verb}: 401 AuthenticationFailed")
            error.service = "Batch"
            raise error

        return refuse


@pytest.mark.parametrize("state", ["claimed", "submitting", "running", "assembling"])
def test_a_wrong_key_of_batch_is_noted_in_every_state(app_with, state):
    app = app_with(PROGRAMS, program=stages) if state == "assembling" else app_with()
    app.upload("lines/a.txt", b"one\n")
    takes = [partial(app.take, queue) for queue in ("blob-events", "work", "work")]
    for step in (*takes, app.run_tasks, app.pump) * 5:
        if app.all_runs() and app.only_run().state == state:
            break
        step()
    app.through(replace(app.engine.ports, jobs=WrongKey(), cluster=WrongKey()))
    for _ in range(8):
        app.pass_time()
        app.pump()
    noted = app.only_run().obstacle
    assert noted and noted.code is C.BATCH_NOT_ANSWERING
    assert "401 AuthenticationFailed" in noted.evidence


def test_an_error_of_the_sweep_is_part_of_why_the_run_waits(app_with):
    app = app_with()
    run = running(app)

    app.through(replace(app.engine.ports, jobs=WrongKey()))
    for _ in range(5):
        app.pass_time()
    index_says = runs.need(app.world.tables, run.id).run.obstacle
    assert index_says.code is C.TASKS_QUEUED
    assert "the sweep failed: close: 401 AuthenticationFailed" in index_says.evidence


def test_a_failure_of_long_ago_is_not_shown(app_with):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    held = runs.need(app.world.tables, app.only_run().id)
    step = index.FailingStep(C.BATCH_NOT_ANSWERING, "401")
    index.note_failure(app.world.tables, held.run, step, app.world.clock.now())
    entry = index.active_entry(app.world.tables, held.run)
    assert entry.failing(held.run.changed_at, app.world.clock.now()) == step
    app.world.clock.advance(minutes=3)
    assert entry.failing(held.run.changed_at, app.world.clock.now()) is None
