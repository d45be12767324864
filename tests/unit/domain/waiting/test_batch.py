"""Which obstacle follows from Batch's reports: each code, and which of two comes first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.batch import Readings, batch_obstacle, resize_code
from pipeline.domain.waiting.reports import JobReport, NodeCounts, PoolReport, Preparation, Trouble

C = ObstacleCode
NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
SINCE = NOW - timedelta(minutes=7)
FAILED = Trouble("FailureExitCode", "it exited with 1", "node-1")
QUOTA = Trouble("AccountCoreQuotaReached", "no cores left")
QUEUED = JobReport("active", active=3)
IDLE = PoolReport("active", "steady", 2, 2, NodeCounts(idle=2))
EMPTY = PoolReport("active", "steady", 0, 2)


def pool(nodes=2, **counts):
    return PoolReport("active", "steady", nodes, 2, NodeCounts(**counts))


def prepared(**more):
    return replace(QUEUED, preparation=Preparation(**more))


CASES = {
    C.POOL_MISSING: (QUEUED, PoolReport(""), "pool cpu-1 does not exist"),
    C.POOL_REPLACED: (QUEUED, PoolReport("deleting"), "pool cpu-1 is being deleted; the run began"),
    C.JOB_DISABLED: (JobReport("disabled", active=1), IDLE, "job is disabled"),
    C.JOB_OVER: (JobReport("completed", active=3), IDLE, "completed with 3 tasks left"),
    C.PREPARATION_FAILING: (prepared(failed=FAILED), IDLE, "on node node-1: FailureExitCode"),
    C.PREPARATION_RUNNING: (
        replace(prepared(running=2, since=SINCE), running=2),
        pool(running=2),
        "preparation on 2 nodes for 7 min",
    ),
    C.TASKS_RUNNING: (JobReport("active", 3, 2, 1), IDLE, "2 tasks running, 3 queued, of 6"),
    C.CORE_QUOTA: (QUEUED, replace(EMPTY, resize_errors=[QUOTA]), "0 of 2 nodes"),
    C.NO_CAPACITY: (
        QUEUED,
        replace(EMPTY, since=SINCE, resize_errors=[Trouble("AllocationFailed", "none")]),
        "for 7 min: AllocationFailed: none",
    ),
    C.RESIZE_FAILED: (
        QUEUED,
        replace(EMPTY, resize_errors=[Trouble("ResizeStopped", "by hand")]),
        "ResizeStopped: by hand",
    ),
    C.AUTOSCALE_FAILED: (
        QUEUED,
        replace(EMPTY, target_nodes=0, autoscale_error=Trouble("AutoScaleSyntax", "line 3")),
        "line 3",
    ),
    C.START_TASK_FAILING: (
        QUEUED,
        replace(pool(start_task_failed=2), node_error=FAILED),
        "the start task fails: FailureExitCode",
    ),
    C.IMAGE_FAILING: (
        QUEUED,
        replace(pool(unusable=2), node_error=Trouble("ContainerInvalidImage", "no such image")),
        "2 nodes unusable: ContainerInvalidImage",
    ),
    C.NODES_UNUSABLE: (
        QUEUED,
        replace(pool(unusable=2), node_error=Trouble("DiskFull", "")),
        "2 nodes unusable: DiskFull",
    ),
    C.NODES_STARTING: (QUEUED, pool(starting=2), "2 nodes starting"),
    C.NODES_PREEMPTED: (QUEUED, pool(preempted=1, unusable=1), "2 nodes of pool cpu-1"),
    C.POOL_RESIZING: (QUEUED, replace(EMPTY, allocation="resizing", since=SINCE), "for 7 min"),
    C.POOL_NOT_SCALED: (QUEUED, replace(EMPTY, target_nodes=0), "no node yet, 0 wanted"),
    C.TASKS_BEHIND_OTHERS: (QUEUED, pool(running=2), "busy with others: a-1, b-2"),
    C.TASKS_QUEUED: (QUEUED, IDLE, "3 tasks queued for 2 nodes"),
}


def found(job, of_pool, **more):
    return batch_obstacle(Readings(job, of_pool, "cpu-1", **more), NOW)


@pytest.mark.parametrize("code", CASES)
def test_each_obstacle_has_its_evidence(code, request):
    job, of_pool, evidence = CASES[code]
    now = "cpu-2" if code is C.POOL_REPLACED else "cpu-1"
    told = found(job, of_pool, others=("a-1", "b-2"), defined=now)
    assert told[0] is code
    assert evidence in told[1]


def test_nothing_stands_in_the_way_when_all_tasks_are_over():
    assert found(JobReport("completed", succeeded=2, failed=1), EMPTY) is None
    assert found(JobReport("active", succeeded=3), EMPTY) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"allocation": "resizing"},
        {"nodes": 2, "counts": NodeCounts(idle=2)},
    ],
    ids=["it is tried once more", "the nodes came after all"],
)
def test_a_resize_error_counts_only_while_it_is_current(changed):
    code, _ = found(QUEUED, replace(EMPTY, resize_errors=[QUOTA], **changed))
    assert code in (C.POOL_RESIZING, C.TASKS_QUEUED)


def test_tasks_that_run_come_before_a_pool_that_cannot_grow():
    job, of_pool = JobReport("active", 3, 2), replace(pool(1, running=1), resize_errors=[QUOTA])
    assert found(job, of_pool)[0] is C.TASKS_RUNNING


def test_a_node_that_cannot_be_prepared_hides_no_tasks_that_end_elsewhere():
    job = replace(JobReport("active", 3, 2, 5), preparation=Preparation(failed=FAILED))
    assert found(job, IDLE)[0] is C.TASKS_RUNNING


def test_a_preempted_node_that_is_unusable_for_a_while_is_not_a_failing_start_task():
    """Azure may show a spot node as unusable, without an error of its own, before it is gone."""
    code, _ = found(QUEUED, pool(unusable=1))
    assert code is C.NODES_UNUSABLE
    assert found(QUEUED, pool(unusable=1, preempted=1))[0] is C.NODES_PREEMPTED
    assert found(QUEUED, pool(unusable=1, idle=1))[0] is C.TASKS_QUEUED


def test_the_last_words_of_the_installer_are_part_of_the_evidence():
    _, evidence = found(prepared(failed=FAILED), IDLE, words="...\nERROR: no\n  such package\n")
    assert evidence.endswith("ERROR: no such package")


def test_further_executions_count_with_the_first():
    first, second = JobReport("completed", failed=2, succeeded=8), JobReport("active", active=2)
    assert JobReport.of_all([first, JobReport(""), second]) == JobReport("active", 2, 0, 8, 2)
    assert JobReport.of_all([JobReport("")]) == JobReport("")


@pytest.mark.parametrize(
    ("code", "meant"),
    [
        ("AccountLowPriorityCoreQuotaReached", C.CORE_QUOTA),
        ("AccountSomeNewCoreQuotaReached", C.CORE_QUOTA),
        ("AllocationTimedOut", C.NO_CAPACITY),
        ("AllocationTimedout", C.NO_CAPACITY),
        ("SkuNotAvailable", C.NO_CAPACITY),
        ("InvalidSubnet", C.RESIZE_FAILED),
    ],
)
def test_resize_errors_are_distinguished_by_code(code, meant):
    assert resize_code(Trouble(code, "")) is meant
