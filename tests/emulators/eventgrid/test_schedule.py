"""When a failed delivery is tried again, and when never."""

import pytest

from emulators.eventgrid.faults import FaultDice, Faults
from emulators.eventgrid.schedule import (
    Again,
    Attempt,
    GiveUp,
    RetryPolicy,
    after_failure,
    expired,
)

FOREVER = RetryPolicy(30, 1440)


@pytest.mark.parametrize(
    ("attempts", "wait"),
    [(1, 10), (2, 30), (3, 60), (4, 300), (5, 600), (6, 1800), (7, 3600), (8, 10800), (9, 21600)],
)
def test_the_waits_follow_the_published_schedule(attempts, wait):
    assert after_failure(Attempt(500), attempts, FOREVER) == Again(wait)


def test_beyond_the_schedule_every_wait_is_twelve_hours():
    assert after_failure(Attempt(500), 25, FOREVER) == Again(43200)


@pytest.mark.parametrize(
    ("attempt", "wait"),
    [
        (Attempt(500), 10),
        (Attempt(0), 10),
        (Attempt(503), 30),
        (Attempt(408), 120),
        (Attempt(404), 10),
        (Attempt(404, azure_endpoint=True), 300),
        (Attempt(401, azure_endpoint=True), 300),
    ],
)
def test_some_outcomes_impose_a_longer_first_wait(attempt, wait):
    assert after_failure(attempt, 1, FOREVER) == Again(wait)


@pytest.mark.parametrize(
    ("attempt", "reason"),
    [
        (Attempt(400), "UndeliverableDueToHttpBadRequest"),
        (Attempt(413), "UndeliverableDueToHttpRequestEntityTooLarge"),
        (Attempt(403), "UndeliverableDueToHttpForbidden"),
        (Attempt(401), "UndeliverableDueToHttpUnauthorized"),
        (Attempt(400, azure_endpoint=True), "UndeliverableDueToHttpBadRequest"),
    ],
)
def test_some_answers_end_it_at_once(attempt, reason):
    assert after_failure(attempt, 1, FOREVER) == GiveUp(reason)


def test_the_last_allowed_attempt_ends_it():
    policy = RetryPolicy(max_attempts=3)
    assert isinstance(after_failure(Attempt(500), 2, policy), Again)
    assert after_failure(Attempt(500), 3, policy) == GiveUp("MaxDeliveryAttemptsExceeded")


def test_jitter_only_lengthens_and_by_a_tenth_at_most():
    verdict = after_failure(Attempt(500), 1, FOREVER, jitter=1.0)
    assert isinstance(verdict, Again)
    assert verdict.wait_s == pytest.approx(11)


@pytest.mark.parametrize(
    ("age", "scale", "over"), [(59, 1, False), (60, 1, True), (0.6, 100, True)]
)
def test_the_time_to_live_is_scaled_too(age, scale, over):
    assert expired(RetryPolicy(ttl_minutes=1), 1000.0, 1000.0 + age, scale) is over


@pytest.mark.parametrize("status", [200, 201, 202, 203, 204])
def test_only_200_to_204_are_success(status):
    assert Attempt(status).delivered
    assert not any(Attempt(other).delivered for other in (0, 205, 301, 400, 500))


def test_the_same_seed_misbehaves_the_same_way():
    faults = Faults(duplicate=0.3, delay=0.3, lose=0.3, reorder=True)
    one, two, other = (FaultDice(seed, faults) for seed in (7, 7, 8))
    draw = [[dice.fate("s", True) for _ in range(50)] for dice in (one, two, other)]
    assert draw[0] == draw[1] != draw[2]
    assert one.shuffled(list(range(9))) == two.shuffled(list(range(9)))


def test_a_publishers_event_is_never_lost():
    dice = FaultDice(1, Faults(lose=1.0))
    assert dice.fate("s", losable=True).lost
    assert not dice.fate("s", losable=False).lost
