"""What a pool knew and waited for survives a restart of the emulator."""

import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.running import Emulator
from tests.emulators.batch.service.pools.autoscaling import add_scaling, evaluate, pass_time
from tests.patience import until

STILL = ("--clock-speed", "0", "--autoscale-dialect", "live_samples=false")
SEEN = "n = $PendingTasks.Count(); m = max($PendingTasks.GetSample(1000));"


@pytest.fixture
def emulator(tmp_path: Path) -> Iterator[Emulator]:
    running = Emulator(tmp_path / "data", *STILL)
    yield running
    assert running.stop() == 0


def kill_and_restart(emulator: Emulator) -> None:
    emulator.stop(signal.SIGKILL)
    emulator.start()


def results(emulator: Emulator, pool: str, formula: str) -> str:
    return evaluate(emulator, pool, formula).results.partition("requeue;")[2]


def test_samples_survive_a_kill(emulator: Emulator) -> None:
    add_scaling(emulator, "p", "$TargetDedicatedNodes = 0;", minutes=600)
    emulator.add_job("j", "p")
    pass_time(emulator, minutes=15)
    emulator.add_task("j", "t", "true")
    pass_time(emulator, minutes=15, seconds=5)
    before = results(emulator, "p", SEEN)
    assert before == "m=1;n=58"
    kill_and_restart(emulator)
    assert results(emulator, "p", SEEN) == before
    pass_time(emulator, minutes=5)
    assert results(emulator, "p", SEEN) == "m=1;n=68"


def test_a_clean_end_loses_no_sample_either(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--clock-speed", "600", *STILL[2:])
    add_scaling(emulator, "p", "$TargetDedicatedNodes = 0;", minutes=600)
    until(lambda: count(emulator) > 10)
    before = count(emulator)
    assert emulator.stop() == 0
    emulator.start()
    assert count(emulator) >= before
    assert emulator.stop() == 0


def count(emulator: Emulator) -> int:
    return int(results(emulator, "p", "n = $PendingTasks.Count();").removeprefix("n="))


def test_samples_go_after_their_time_and_with_their_pool(emulator: Emulator) -> None:
    flags = ("--clock-speed", "0", "--autoscale-dialect", "sample_retention_s=3600")
    emulator.stop()
    emulator = Emulator(emulator.data, *flags)
    emulator.add_pool("p", nodes=0)
    pass_time(emulator, hours=10)
    assert 6 <= len(stretches(emulator)) <= 8
    emulator.client.begin_delete_pool("p", polling_interval=0.05).wait()
    assert emulator.stop() == 0
    assert not stretches(emulator)


def stretches(emulator: Emulator) -> list[str]:
    with closing(sqlite3.connect(emulator.data / "batch.sqlite")) as db:
        return [row[0] for row in db.execute("SELECT body FROM records WHERE kind = 'samples'")]


def test_an_idle_day_of_samples_is_small(emulator: Emulator) -> None:
    emulator.add_pool("p", nodes=0)
    pass_time(emulator, hours=24)
    assert sum(map(len, stretches(emulator))) < 150_000


def test_the_next_evaluation_comes_when_it_was_to_come(emulator: Emulator) -> None:
    add_scaling(emulator, "p", "a = 1;", minutes=30)
    first = emulator.client.get_pool("p").auto_scale_run
    pass_time(emulator, minutes=20)
    kill_and_restart(emulator)
    assert emulator.client.get_pool("p").auto_scale_run.as_dict() == first.as_dict()
    pass_time(emulator, minutes=9)
    assert emulator.client.get_pool("p").auto_scale_run.timestamp == first.timestamp
    pass_time(emulator, minutes=1)
    again = emulator.client.get_pool("p").auto_scale_run.timestamp
    assert again - first.timestamp >= timedelta(minutes=30)


def test_an_evaluation_that_was_missed_is_made_at_once(emulator: Emulator) -> None:
    add_scaling(emulator, "p", "a = 1;", minutes=5)
    first = emulator.client.get_pool("p").auto_scale_run.timestamp
    emulator.stop(signal.SIGKILL)
    late = Emulator(emulator.data, "--clock-speed", "100000")
    until(lambda: late.client.get_pool("p").auto_scale_run.timestamp > first)
    assert late.stop() == 0
    emulator.start()


def test_a_resize_is_given_up_at_its_time_though_the_emulator_was_killed(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--clock-speed", "0", "--timing", "manual")
    emulator.add_pool("p", resize_timeout=timedelta(minutes=15))
    pass_time(emulator, minutes=10)
    kill_and_restart(emulator)
    pass_time(emulator, minutes=4)
    assert emulator.client.get_pool("p").allocation_state == "resizing"
    pass_time(emulator, minutes=1)
    emulator.admin("POST", "/_admin/tick")
    pool = until(lambda: _steady(emulator, "p"))
    assert [error.code for error in pool.resize_errors] == ["AllocationTimedout"]
    assert pool.current_dedicated_nodes == 0
    assert emulator.stop() == 0


def _steady(emulator: Emulator, name: str) -> models.BatchPool | None:
    pool = emulator.client.get_pool(name)
    return pool if pool.allocation_state == "steady" else None


def test_errors_of_a_resize_survive_a_kill_and_name_both_kinds_of_nodes(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data", "--node-quota", "1")
    emulator.add_pool("p", nodes=2, target_low_priority_nodes=2)
    expected = ["AccountCoreQuotaReached", "AccountLowPriorityCoreQuotaReached"]
    for _ in range(2):
        pool = until(lambda: _steady(emulator, "p"))
        assert sorted(error.code for error in pool.resize_errors) == expected
        kill_and_restart(emulator)
    assert emulator.stop() == 0
