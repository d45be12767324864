"""The pure rules of the timer trigger: when a timer is due, and how long a retry waits."""

from datetime import UTC, datetime, timedelta

import pytest

from emulators.functions.app.retries import retry_delay
from emulators.functions.timer.schedule import Schedule, TimerStatus, after_run, decide_start

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOURLY = Schedule("0 0 * * * *")


def test_a_timer_seen_for_the_first_time_waits():
    decision = decide_start(HOURLY, None, NOON + timedelta(minutes=1), run_on_startup=False)
    assert (decision.run_now, decision.status.next) == (False, NOON + timedelta(hours=1))


def test_a_missed_occurrence_is_past_due_once():
    status = TimerStatus(NOON, NOON + timedelta(hours=1), NOON)
    late = NOON + timedelta(hours=5, minutes=1)
    decision = decide_start(HOURLY, status, late, run_on_startup=False)
    assert (decision.run_now, decision.past_due) == (True, True)
    following = after_run(HOURLY, late, late)
    again = decide_start(HOURLY, following, late + timedelta(minutes=1), run_on_startup=False)
    assert (again.run_now, again.past_due) == (False, False)


def test_an_edited_schedule_is_not_past_due():
    status = TimerStatus(NOON, NOON + timedelta(hours=1), NOON)
    decision = decide_start(
        Schedule("0 30 9 * * *"), status, NOON + timedelta(hours=3), run_on_startup=False
    )
    assert (decision.run_now, decision.status.next) == (
        False,
        NOON.replace(hour=9, minute=30) + timedelta(days=1),
    )


def test_run_on_startup_runs_but_not_as_past_due():
    decision = decide_start(HOURLY, None, NOON, run_on_startup=True)
    assert (decision.run_now, decision.past_due) == (True, False)


def test_five_fields_and_time_spans_are_schedules_too():
    assert Schedule("*/5 * * * *").next_after(NOON) == NOON + timedelta(minutes=5)
    assert Schedule("00:00:10").next_after(NOON) == NOON + timedelta(seconds=10)
    assert not Schedule("*/10 * * * * *").is_monitored
    with pytest.raises(ValueError, match="neither an NCRONTAB"):
        Schedule("every day")


def test_retry_delays_follow_the_strategy():
    fixed = {
        "strategy": "fixed_delay",
        "max_retry_count": 3,
        "delay_s": 7.0,
        "minimum_s": 0.0,
        "maximum_s": 0.0,
    }
    growing = fixed | {"strategy": "exponential_backoff", "minimum_s": 2.0, "maximum_s": 10.0}
    assert [retry_delay(fixed, n) for n in range(3)] == [7, 7, 7]
    assert [retry_delay(growing, n) for n in range(4)] == [2, 4, 8, 10]
