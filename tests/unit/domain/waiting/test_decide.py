"""What a run waits for, by its state and by everything that is known about it."""

from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.lifecycle import TERMINAL, State
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.domain.waiting.batch import Readings
from pipeline.domain.waiting.decide import FailingStep, Situation, decide
from pipeline.domain.waiting.remedies import MEANINGS, Place, obstacle
from pipeline.domain.waiting.reports import JobReport, NodeCounts, PoolReport

C = ObstacleCode
NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
HERE = Place(True, "job-1", "job", "cpu", "cpu-1", "job-1-g1")
THERE = Place(False, "job-1", "job", "cpu", "cpu-1", "job-1-g1")
PLAN = PublishedPlan(folder="f", digest="d", pages=1, tasks=4, items=4)
OVER = Readings(JobReport("completed", succeeded=4), PoolReport("active", "steady"), "cpu-1")
UPLOADS = FailingStep(C.OUTPUTS_NOT_UPLOADED, "step assemble failed 4 times: not uploaded yet")


def run(state, **more):
    values = {
        "id": "job-1", "pipeline": "job", "pool": "cpu", "definition": "{}", "state": state,
        "origin": {"kind": "request", "key": ("k",), "at": NOW}, "created_at": NOW,
        "changed_at": NOW, "plan": PLAN, "job": "job-1-g1",
    }  # fmt: skip
    return Run.model_validate(values | more)


def told(state, *, plan=PLAN, note=None, **more):
    found = decide(Situation(run(state, plan=plan, obstacle=note), NOW, HERE, **more))
    return found.code, found.evidence


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_a_run_with_a_verdict_waits_for_nothing(state):
    assert decide(Situation(run(state), NOW, HERE)) is None


@pytest.mark.parametrize("state", sorted(set(State) - TERMINAL))
def test_every_other_state_waits_for_something(state):
    assert told(state)[0] in C


def test_a_waiting_run_says_what_was_noted_when_it_began_to_wait():
    note = obstacle(C.PAUSED, "pipeline job is paused", HERE)
    assert told(State.WAITING, note=note) == (C.PAUSED, "pipeline job is paused")


def test_a_run_that_waits_since_release_0_1_says_what_that_release_noted():
    old = run(State.WAITING, why="2 of at most 2 runs of job are active")
    assert "2 of at most 2" in decide(Situation(old, NOW, HERE)).evidence


def test_pages_that_are_not_submitted_yet_are_counted():
    batch = Readings(JobReport("active"), PoolReport("active", "steady"), "cpu-1")
    assert told(State.SUBMITTING, batch=batch) == (C.STEP_QUEUED, "0 of 4 tasks are submitted")


def test_tasks_that_are_over_and_not_counted_have_receipts_on_their_way():
    assert told(State.RUNNING, batch=OVER, done=3)[0] is C.RECEIPTS_ON_THEIR_WAY
    assert "assembly" in told(State.RUNNING, batch=OVER, done=4)[1]


def test_outputs_that_are_not_there_yet_are_named_while_assembly_waits():
    assert told(State.ASSEMBLING, failing=UPLOADS)[0] is C.OUTPUTS_NOT_UPLOADED
    assert told(State.ASSEMBLING)[0] is C.ASSEMBLING


def test_an_assembler_program_waits_like_any_task():
    queued = Readings(
        JobReport("active", active=1),
        PoolReport("active", "steady", 1, 1, NodeCounts(starting=1)),
        "cpu-1",
    )
    assert told(State.ASSEMBLING, batch=queued)[0] is C.NODES_STARTING


def test_a_step_that_keeps_failing_goes_before_a_step_in_its_queue():
    step = FailingStep(C.BATCH_NOT_ANSWERING, "step plan failed 9 times: 401")
    assert told(State.PLANNING, failing=step, plan=None) == (C.BATCH_NOT_ANSWERING, step.evidence)


def test_batch_that_does_not_answer_is_reported():
    assert told(State.RUNNING, silence="look at the job: 503") == (
        C.BATCH_NOT_ANSWERING,
        "look at the job: 503",
    )


def test_every_code_has_a_meaning_and_a_remedy_for_both_places():
    assert set(MEANINGS) == set(C)
    for meaning in MEANINGS.values():
        assert meaning.text
        assert "{" not in meaning.remedy(HERE) + meaning.remedy(THERE)


def test_a_remedy_is_filled_in_for_where_the_run_lives():
    assert obstacle(C.PAUSED, "x", HERE).remedy == "fanfare resume job"
    assert obstacle(C.POOL_MISSING, "x", HERE).remedy == "fanfare up"
    assert obstacle(C.POOL_MISSING, "x", THERE).remedy == "azd provision"


def test_a_code_of_a_later_release_is_read():
    read = Obstacle.model_validate({"code": "no-licence", "evidence": "x", "until": 3})
    assert read == Obstacle(code=C.UNKNOWN, evidence="x")
