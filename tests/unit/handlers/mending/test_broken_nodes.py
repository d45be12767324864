"""What Batch reports of nodes, jobs and pools ends: by another job, or by a verdict."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.definitions.retry import Retries
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.reports import NodeCounts, PoolReport, Preparation, Trouble
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES, PROGRAMS, content_of, manifest_of
from tests.unit.handlers.running.test_stages import work as stages

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
WORDS = "ERROR: No matching distribution found for numpyy==1"


def begun(app, content: bytes = b"one\ntwo\n"):
    app.upload("lines/a.txt", content)
    app.pump()
    return app.only_run()


def unprepare(app) -> None:
    """Let the preparation of every job that works fail on the pool's node."""
    batch = app.world.batch
    (pool,) = batch.pools
    failed = Trouble("FailureExitCode", "it exited with 1", "node-1")
    for name, job in batch.jobs.items():
        if job.state == "active" and not job.preparation.failed:
            now = app.world.clock.now()
            job.preparation = Preparation(failed, failures=1, failed_at=now)
            batch.words[pool, "node-1", name] = WORDS


def wait(app, reached, *, minutes: int = 60, always=lambda _app: None) -> int:
    """Let minutes pass, without running a task, until something holds; return how many."""
    for minute in range(minutes):
        if reached():
            return minute
        app.pass_time()
        app.pump()
        always(app)
    raise AssertionError(f"it did not happen within {minutes} minutes: {app.only_run()}")


def test_a_preparation_that_always_fails_ends_the_run_with_the_installers_words(app_with):
    app = app_with()
    begun(app)
    unprepare(app)
    took = wait(app, lambda: app.only_run().over, always=unprepare)
    run = app.only_run()
    assert (run.state, run.cause) == ("failed", Cause.PREPARATION_FAILED)
    assert WORDS in run.error and took < 30
    assert run.executions == Retries().preparation_failed
    app.settle()
    (event,) = app.world.events.published
    assert event["data"]["cause"] == "preparation-failed"
    assert [job.state for job in app.world.batch.jobs.values()] == ["completed"] * 3


def test_a_disk_that_was_full_for_a_moment_costs_only_another_job(app_with):
    app = app_with()
    run = begun(app)
    unprepare(app)
    wait(app, lambda: app.only_run().executions == 1)
    app.settle()
    run = app.only_run()
    assert (run.state, run.executions) == ("succeeded", 1)
    assert content_of(app, run) == b"0\n1\n"


def test_without_retries_the_first_failure_ends_the_run(app_with):
    app = app_with(LINES + "retries: {preparation-failed: 0}\n")
    begun(app)
    unprepare(app)
    wait(app, lambda: app.only_run().over)
    assert app.only_run().cause is Cause.PREPARATION_FAILED
    assert app.only_run().executions == 0


def test_what_ran_before_its_node_went_away_is_kept(app_with):
    app = app_with(LINES + "tolerance: {failed_items: 1}\nbundle: {items: 1}\n")
    run = begun(app)
    app.world.batch.run_task(run.job, "t000000", app.world.node(app.program))
    unprepare(app)
    wait(app, lambda: app.only_run().over, always=unprepare)
    run = app.only_run()
    assert (run.state, run.succeeded, run.failed) == ("succeeded", 1, 1)
    (missing,) = manifest_of(app, run)["missing"]
    assert missing["cause"] == "preparation-failed"


@pytest.mark.parametrize("stage", ["split", "assemble"])
def test_a_stage_program_that_no_node_can_be_prepared_for_ends_its_run(app_with, stage):
    app = app_with(PROGRAMS, program=stages)
    begun(app)
    if stage == "assemble":
        while app.only_run().state != "assembling":
            app.run_tasks()
            while app.pump():
                pass
    unprepare(app)
    wait(app, lambda: app.only_run().over, always=unprepare)
    assert WORDS in app.only_run().error
    assert app.only_run().cause is Cause.PREPARATION_FAILED


BROKEN = {
    "pool-missing": None,
    "start-task-failing": {
        "counts": NodeCounts(start_task_failed=1),
        "node_error": Trouble("FailureExitCode", "exit code 7", "node-1"),
    },
    "image-failing": {
        "counts": NodeCounts(unusable=1),
        "node_error": Trouble("ContainerInvalidImage", "no such image", "node-1"),
    },
    "nodes-unusable": {
        "counts": NodeCounts(unusable=1),
        "node_error": Trouble("DiskFull", "no space", "node-1"),
    },
    "resize-failed": {"target_nodes": 2, "resize_errors": [Trouble("Other", "no subnet")]},
    "autoscale-failed": {"counts": NodeCounts(), "autoscale_error": Trouble("Bad", "formula")},
}


def break_pool(app, changes) -> None:
    (name,) = app.world.batch.pools
    known = app.world.batch.pools[name]
    app.world.batch.pools[name] = PoolReport("") if changes is None else replace(known, **changes)


@pytest.mark.parametrize("code", BROKEN)
def test_a_pool_that_stays_broken_ends_the_run_and_its_event_says_why(app_with, code):
    app = app_with()
    begun(app)
    break_pool(app, BROKEN[code])
    took = wait(app, lambda: app.only_run().over)
    run = app.only_run()
    cause = Cause.IMAGE_MISSING if code == "image-failing" else Cause.POOL_FAILED
    assert (run.state, run.cause) == ("failed", cause)
    assert 30 <= took <= 40
    assert run.obstacle and run.obstacle.code == code and run.obstacle.evidence in run.error


def test_a_pool_that_comes_back_in_time_ends_nothing(app_with):
    app = app_with()
    begun(app)
    (name,) = app.world.batch.pools
    well = app.world.batch.pools[name]
    for _ in range(3):
        break_pool(app, BROKEN["start-task-failing"])
        for _ in range(25):
            app.pass_time()
        app.world.batch.pools[name] = well
        app.pass_time()
    app.settle()
    assert app.only_run().state == "succeeded"


def test_a_sweep_that_was_away_looks_again_before_it_ends_a_run(app_with):
    app = app_with()
    begun(app)
    (name,) = app.world.batch.pools
    well = app.world.batch.pools[name]
    break_pool(app, BROKEN["start-task-failing"])
    for _ in range(5):
        app.pass_time()
    app.world.batch.pools[name] = well
    app.world.clock.advance(HOUR)
    app.pass_time(MINUTE)
    assert not app.only_run().over


def test_no_capacity_is_waited_for_until_the_runs_own_limit(app_with):
    app = app_with(LINES + "limits: {item: 1m, task: 5m, run: 2h}\n")
    begun(app)
    errors = [Trouble("AllocationFailed", "none left")]
    break_pool(
        app, {"target_nodes": 2, "nodes": 0, "counts": NodeCounts(), "resize_errors": errors}
    )
    took = wait(app, lambda: app.only_run().over, minutes=130)
    run = app.only_run()
    assert run.cause is Cause.RUN_TIMED_OUT and took >= 119
    assert run.obstacle and run.obstacle.code is ObstacleCode.NO_CAPACITY


def test_a_pool_that_is_no_longer_defined_is_a_missing_pool(app_with):
    app = app_with()
    begun(app)
    catalogue = replace(app.engine.catalogue, pools={})
    app.engine = replace(app.engine, catalogue=catalogue)
    wait(app, lambda: app.only_run().over)
    assert app.only_run().cause is Cause.POOL_FAILED


def test_many_tasks_of_a_further_job_are_asked_for_together(app_with):
    app = app_with(LINES + "bundle: {items: 1}\n")
    begun(app, b"x\n" * 200)
    unprepare(app)
    wait(app, lambda: app.only_run().executions == 1)
    injector = Injector()
    app.through(injector.ports(app.world.ports))
    for _ in range(3):
        app.pass_time()
    added = [call for call in injector.trace if (call.port, call.verb) == ("jobs", "add")]
    assert len(added) <= 2 * 3  # two pages, in each sweep
