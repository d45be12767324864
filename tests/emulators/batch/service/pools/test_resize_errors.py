"""Errors of a resize: they come on demand, show once it has ended, and stay until the next."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.running import Emulator
from tests.emulators.batch.service.pools.autoscaling import add_scaling, pass_time
from tests.patience import until

PENDING = "$TargetDedicatedNodes = $PendingTasks.GetSample(1);"


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Start an emulator whose clock moves only on command."""
    data = tmp_path_factory.mktemp("resize-errors")
    running = Emulator(data, "--clock-speed", "0", "--autoscale-min-seconds", "0")
    yield running
    assert running.stop() == 0


@pytest.fixture
def emulator(still: Emulator) -> Emulator:
    still.admin("POST", "/_admin/reset")
    return still


def fail(emulator: Emulator, **rule: object) -> None:
    emulator.admin("POST", "/_admin/faults", {"operation": "allocation", **rule})


def codes(pool: models.BatchPool) -> list[str]:
    return [error.code for error in pool.resize_errors or []]


def sizes(pool: models.BatchPool) -> tuple[int, int]:
    """Return how many dedicated nodes a pool has, and how many it wants."""
    return pool.current_dedicated_nodes, pool.target_dedicated_nodes


def resize(emulator: Emulator, name: str, nodes: int) -> None:
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=nodes)
    emulator.client.begin_resize_pool(name, options, polling_interval=0.02).result()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AllocationFailed", "Desired number of dedicated nodes could not be allocated"),
        ("AllocationTimedout", "could not be allocated as the resize timeout was reached"),
        ("AccountCoreQuotaReached", "The specified account has reached core quota"),
        ("OutOfLuck", "Desired number of dedicated nodes could not be allocated"),
    ],
)
def test_an_allocation_fails_on_demand_and_the_pool_keeps_its_target(
    emulator: Emulator, code: str, words: str
) -> None:
    fail(emulator, match="p/dedicated", code=code)
    emulator.add_pool("p", nodes=2)
    pool = emulator.client.get_pool("p")
    assert (pool.allocation_state, *sizes(pool), codes(pool)) == ("steady", 0, 2, [code])
    assert words in pool.resize_errors[0].message


def test_a_lack_of_capacity_names_the_kind_of_nodes_and_what_the_provider_said(
    emulator: Emulator,
) -> None:
    fail(emulator, match="p/spot")
    emulator.add_pool("p", nodes=1, target_low_priority_nodes=1)
    pool = emulator.client.get_pool("p")
    (error,) = pool.resize_errors
    assert error.code == "AllocationFailed"
    assert error.message == "Desired number of low priority nodes could not be allocated"
    assert {one.name: "AllocationFailed" in one.value for one in error.error_values} == {
        "Provider Error Json": True,
        "Provider Error Json Truncated": False,
    }
    assert (pool.current_dedicated_nodes, pool.current_low_priority_nodes) == (1, 0)


def test_a_part_of_the_nodes_may_come(emulator: Emulator) -> None:
    fail(emulator, nodes=3, count=1)
    emulator.add_pool("p", nodes=5)
    pool = emulator.client.get_pool("p")
    assert (*sizes(pool), codes(pool)) == (3, 5, ["AllocationFailed"])


def test_an_error_shows_once_the_pool_is_steady_and_dates_from_then(emulator: Emulator) -> None:
    fail(emulator, delay_s=600)
    emulator.add_pool("p", nodes=1)
    begun = emulator.client.get_pool("p")
    assert (begun.allocation_state, codes(begun)) == ("resizing", [])
    pass_time(emulator, minutes=10)
    pool = emulator.client.get_pool("p")
    assert (pool.allocation_state, codes(pool)) == ("steady", ["AllocationFailed"])
    passed = pool.allocation_state_transition_time - begun.allocation_state_transition_time
    assert passed == timedelta(minutes=10)
    assert pool.state_transition_time == begun.state_transition_time


def test_an_error_stays_for_days_until_the_next_resize(emulator: Emulator) -> None:
    fail(emulator, count=1)
    emulator.add_pool("p", nodes=1)
    before = emulator.client.get_pool("p")
    pass_time(emulator, days=3)
    later = emulator.client.get_pool("p")
    assert codes(later) == ["AllocationFailed"]
    assert later.allocation_state_transition_time == before.allocation_state_transition_time
    resize(emulator, "p", 1)
    pool = emulator.client.get_pool("p")
    assert (*sizes(pool), codes(pool)) == (1, 1, [])
    assert pool.allocation_state_transition_time > before.allocation_state_transition_time


def test_autoscale_tries_again_for_a_target_that_the_pool_has_not_reached(
    emulator: Emulator,
) -> None:
    fail(emulator, count=2)
    add_scaling(emulator, "p", "$TargetDedicatedNodes = 2;")
    first = emulator.client.get_pool("p")
    pass_time(emulator, minutes=5)
    second = emulator.client.get_pool("p")
    assert codes(first) == codes(second) == ["AllocationFailed"]
    assert second.allocation_state_transition_time > first.allocation_state_transition_time
    pass_time(emulator, minutes=5)
    pool = emulator.client.get_pool("p")
    assert (*sizes(pool), codes(pool)) == (2, 2, [])


def test_an_evaluation_that_wants_what_the_pool_has_resizes_nothing_and_keeps_the_error(
    emulator: Emulator,
) -> None:
    fail(emulator, count=1)
    add_scaling(emulator, "p", PENDING)
    emulator.add_job("j", "p")
    emulator.add_task("j", "t", "true")
    pass_time(emulator, minutes=5)
    before = emulator.client.get_pool("p")
    assert (*sizes(before), codes(before)) == (0, 1, ["AllocationFailed"])
    emulator.client.delete_task("j", "t")
    pass_time(emulator, hours=2)
    pool = emulator.client.get_pool("p")
    assert (*sizes(pool), codes(pool)) == (0, 0, ["AllocationFailed"])
    assert pool.allocation_state_transition_time == before.allocation_state_transition_time
    assert pool.auto_scale_run.timestamp > before.auto_scale_run.timestamp


def test_a_resize_by_autoscale_is_given_up_too(emulator: Emulator) -> None:
    fail(emulator, delay_s=3600)
    add_scaling(emulator, "p", "$TargetDedicatedNodes = 2;", minutes=6)
    pass_time(emulator, minutes=14)
    assert emulator.client.get_pool("p").allocation_state == "resizing"
    pass_time(emulator, minutes=1)
    pool = until(lambda: _steady(emulator, "p"))
    assert (*sizes(pool), codes(pool)) == (0, 2, ["AllocationTimedout"])
    pass_time(emulator, minutes=3)
    assert emulator.client.get_pool("p").allocation_state == "resizing"


def test_the_time_of_a_resize_by_autoscale_is_an_option(tmp_path: Path) -> None:
    flags = ("--clock-speed", "0", "--autoscale-resize-seconds", "60")
    emulator = Emulator(tmp_path / "data", *flags)
    fail(emulator, delay_s=3600)
    add_scaling(emulator, "p", "$TargetDedicatedNodes = 2;")
    pass_time(emulator, minutes=1)
    assert codes(until(lambda: _steady(emulator, "p"))) == ["AllocationTimedout"]
    assert emulator.stop() == 0


def test_a_resize_that_is_given_up_names_each_kind_that_is_short(emulator: Emulator) -> None:
    fail(emulator, delay_s=3600)
    emulator.add_pool("p", nodes=1, target_low_priority_nodes=1)
    pass_time(emulator, minutes=15)
    pool = until(lambda: _steady(emulator, "p"))
    assert codes(pool) == ["AllocationTimedout", "AllocationTimedout"]
    kinds = [error.message.split(" nodes ")[0] for error in pool.resize_errors]
    assert kinds == ["Desired number of dedicated", "Desired number of low priority"]


def test_a_resize_that_is_stopped_says_so_until_the_next(emulator: Emulator) -> None:
    fail(emulator, delay_s=600)
    emulator.add_pool("p", nodes=2)
    emulator.client.begin_stop_pool_resize("p", polling_interval=0.02).result()
    pass_time(emulator, hours=1)
    pool = emulator.client.get_pool("p")
    assert (*sizes(pool), codes(pool)) == (0, 0, ["ResizeStopped"])
    emulator.admin("DELETE", "/_admin/faults")
    resize(emulator, "p", 1)
    assert codes(emulator.client.get_pool("p")) == []


def _steady(emulator: Emulator, name: str) -> models.BatchPool | None:
    pool = emulator.client.get_pool(name)
    return pool if pool.allocation_state == "steady" else None
