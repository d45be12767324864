"""What follows from what Batch reports: which obstacles end a job or a run, and when."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.waiting.reports import (
    JobReport,
    NodeCounts,
    PoolReport,
    Preparation,
    Trouble,
)
from pipeline.domain.waiting.verdicts import (
    BROKEN,
    pool_failed,
    preparation_text,
    unpreparable,
)

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SOON, LATE = timedelta(minutes=3), timedelta(minutes=30)
FAILED = Preparation(Trouble("FailureExitCode", "it exited with 1", "node-1"), failures=1)
POOL = PoolReport("active", "steady", 1, 1, NodeCounts(idle=1))


def failed_for(minutes: float, **more: object) -> JobReport:
    at = NOW - timedelta(minutes=minutes)
    return JobReport("active", active=2, preparation=replace(FAILED, failed_at=at, **more))


def test_a_job_is_given_up_when_its_preparation_failed_on_every_node():
    assert unpreparable(failed_for(4), POOL, NOW, SOON, LATE)


@pytest.mark.parametrize(
    "job",
    [
        failed_for(2),
        failed_for(4, running=1),
        replace(failed_for(4), running=1),
        replace(failed_for(4), active=0),
        failed_for(4, failed=None),
    ],
    ids=["failed just now", "prepared elsewhere", "tasks run", "nothing left", "nothing failed"],
)
def test_a_job_goes_on_while_it_may_work(job):
    assert not unpreparable(job, POOL, NOW, SOON, LATE)


@pytest.mark.parametrize("more", [NodeCounts(running=2), NodeCounts(idle=1, starting=1)], ids=str)
def test_a_node_that_did_not_try_yet_is_waited_for_but_not_for_ever(more):
    pool = replace(POOL, counts=more)
    assert not unpreparable(failed_for(4), pool, NOW, SOON, LATE)
    assert unpreparable(failed_for(31), pool, NOW, SOON, LATE)


def test_the_text_has_the_last_words_of_the_installer_within_bounds():
    job = failed_for(1, failures=2)
    text = preparation_text(job, "x" * 5000 + "\nERROR: no such\n package")
    assert text.startswith("preparation failed on 2 nodes: FailureExitCode: it exited with 1: xx")
    assert text.endswith("ERROR: no such package") and len(text) < 700


@pytest.mark.parametrize("code", list(ObstacleCode))
def test_only_a_broken_pool_ends_a_run_before_its_limit(code):
    kept = Obstacle(code=code, evidence="x", since=NOW - LATE - SOON)
    assert (pool_failed(kept, NOW, LATE) is not None) == (code in BROKEN)


def test_a_pool_that_broke_just_now_may_come_back():
    fresh = Obstacle(code=ObstacleCode.START_TASK_FAILING, evidence="x", since=NOW - SOON)
    assert pool_failed(fresh, NOW, LATE) is None
    assert pool_failed(None, NOW, LATE) is None
    assert pool_failed(fresh.model_copy(update={"since": None}), NOW, LATE) is None
    assert pool_failed(fresh, NOW, timedelta()) is Cause.POOL_FAILED
