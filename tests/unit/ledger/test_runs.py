"""Run rows: claimed once, moved once, ended together with their event."""

from datetime import UTC, datetime

import pytest

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, NotFound
from pipeline.ledger import index, outbox, runs
from tests.fakes.tables import FakeTables

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
EVENT = {"id": "e", "data": "x" * 100_000}


@pytest.fixture
def tables():
    return FakeTables()


def run(number=0, **more):
    values = {
        "id": f"job-{number:020d}",
        "pipeline": "job",
        "origin": {"kind": "request", "key": ("k",), "at": NOW},
        "definition": "{}",
        "pool": "cpu",
        "created_at": NOW,
        "changed_at": NOW,
        "step": "s0",
    }
    return Run.model_validate(values | more)


def moved(held, state, step):
    return held.run.to(state, NOW, step)


def ended(tables):
    held, _ = runs.claim(tables, run())
    return runs.conclude(tables, held, moved(held, State.FAILED, "s1"), EVENT)


def test_a_claim_is_made_once_and_met_afterwards(tables):
    first, created = runs.claim(tables, run())
    again, created_again = runs.claim(tables, run(step="s1"))
    assert (created, created_again) == (True, False)
    assert again.run == first.run == run()


def test_a_claim_whose_answer_was_lost_is_its_own(tables):
    runs.claim(tables, run())
    assert runs.claim(tables, run())[1] is True


def test_a_run_comes_back_as_it_was_stored(tables):
    runs.claim(tables, run(parameters={"a": 1, "b": "ü", "c": True, "d": 0.5}, error="", cost=0.0))
    held = runs.need(tables, run().id)
    assert held.run.parameters == {"a": 1, "b": "ü", "c": True, "d": 0.5}
    assert held.run.created_at == NOW


def test_only_one_of_two_moves_from_the_same_state_succeeds(tables):
    held, _ = runs.claim(tables, run())
    runs.move(tables, held, moved(held, State.PLANNING, "s1"))
    with pytest.raises(Conflict):
        runs.move(tables, held, moved(held, State.WAITING, "s2"))
    assert runs.need(tables, run().id).run.state is State.PLANNING


def test_a_move_whose_answer_was_lost_is_recognised_by_its_step(tables):
    held, _ = runs.claim(tables, run())
    planning = moved(held, State.PLANNING, "s1")
    runs.move(tables, held, planning)
    assert runs.move(tables, held, planning).run == planning


def test_a_move_that_was_made_and_left_behind_is_a_conflict(tables):
    held, _ = runs.claim(tables, run())
    planning = moved(held, State.PLANNING, "s1")
    after = runs.move(tables, held, planning)
    runs.move(tables, after, moved(after, State.WAITING, "s2"))
    with pytest.raises(Conflict):
        runs.move(tables, held, planning)


def test_a_verdict_ends_the_activity_and_leaves_event_and_remains(tables):
    held = ended(tables)
    assert list(index.active(tables)) == []
    assert [entry.event for entry in outbox.unannounced(tables, "job")] == [EVENT]
    assert [entry.run for entry in outbox.unreleased(tables, "job")] == [held.run]


def test_a_lost_answer_to_a_verdict_is_recognised(tables):
    held, _ = runs.claim(tables, run())
    failed = moved(held, State.FAILED, "s1")
    runs.conclude(tables, held, failed, EVENT)
    assert runs.conclude(tables, held, failed, EVENT).run == failed


def test_an_announced_event_leaves_the_outbox_whoever_announced_it(tables):
    ended(tables)
    entry = outbox.find(tables, run().id, "e")
    outbox.mark_announced(tables, entry, NOW)
    outbox.mark_announced(tables, entry, NOW)
    assert list(outbox.unannounced(tables, "job")) == []
    assert outbox.find(tables, run().id, "e") is None


def test_a_released_generation_is_gone_however_often_it_is_marked(tables):
    ended(tables)
    (entry,) = outbox.unreleased(tables, "job")
    outbox.mark_released(tables, entry)
    outbox.mark_released(tables, entry)
    assert list(outbox.unreleased(tables, "job")) == []


def test_a_redrive_makes_a_run_active_again(tables):
    held = ended(tables)
    runs.reopen(tables, held, moved(held, State.CLAIMED, "s2"))
    assert list(index.active(tables)) == [run().id]


def test_runs_are_listed_latest_first(tables):
    for number in range(3):
        runs.claim(tables, run(number, created_at=NOW.replace(minute=number)))
    assert [found[-1] for found in index.recent(tables, "job")] == ["2", "1", "0"]


@pytest.mark.parametrize("name", ["", "job", "../x", "job-00000000000000000001", "a" * 99])
def test_a_run_that_does_not_exist_is_not_found(tables, name):
    with pytest.raises(NotFound, match="There is no run"):
        runs.need(tables, name)
