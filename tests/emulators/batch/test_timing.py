"""How long the machinery takes: a realistic time from a profile, or tick by tick."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError

import pytest
from azure.batch import models

from emulators.batch.model.pool import Pool
from emulators.batch.simulation.world import Simulation
from emulators.batch.timing import DEFAULT, Span, TimingError, read_profile, timing_table
from tests.emulators.batch.running import Emulator
from tests.patience import until

README = Path("emulators/batch/README.md")
SIZE = {"id": "p", "vmSize": "standard_d2s_v5"}


def test_a_profile_names_the_phases_that_it_changes() -> None:
    read = read_profile("create=20, reboot=1.5-2")
    assert (read["create"], read["reboot"]) == (Span(20, 20), Span(1.5, 2))
    assert read["leave"] == DEFAULT["leave"]
    assert read_profile("") == DEFAULT


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("fly=3", "'fly' is not a phase; known are allocate, create"),
        ("create=soon", "create is seconds .* not 'soon'"),
        ("create=5-3", "not '5-3'"),
        ("create=", "not ''"),
        ("create=nan", "not 'nan'"),
        ("create=-4", "not '-4'"),
    ],
)
def test_a_profile_that_makes_no_sense_is_refused(words: str, complaint: str) -> None:
    with pytest.raises(TimingError, match=complaint):
        read_profile(words)


def test_the_readme_lists_the_phases_as_they_are() -> None:
    assert timing_table() in README.read_text("utf-8")


def first_idle_s(**options: object) -> list[float]:
    """Return when each of five nodes of a new pool became idle, in seconds from its creation."""
    with Simulation(**options) as simulation:
        pool = simulation.create_pool({**SIZE, "targetDedicatedNodes": 5})
        found: list[float] = []
        for ready in range(1, 6):
            simulation.run(lambda ready=ready: idle(pool) >= ready, timedelta(hours=1))
            found += [simulation.elapsed_s] * (idle(pool) - len(found))
        return found


def idle(pool: Pool) -> int:
    return sum(1 for node in pool.nodes.values() if node.takes_tasks)


def test_a_pool_waits_for_machines_which_then_come_one_by_one() -> None:
    seen = first_idle_s()
    assert 180 + 35 <= seen[0] < seen[-1] <= 480 + 55
    assert seen[-1] - seen[0] <= 20


def test_the_same_seed_takes_the_same_time_and_another_does_not() -> None:
    assert first_idle_s(seed=4) == first_idle_s(seed=4) != first_idle_s(seed=5)


def test_a_target_that_changes_while_machines_are_sought_is_the_one_that_counts() -> None:
    profile = read_profile("allocate=400,create=20,start=25")
    formula = '$TargetDedicatedNodes = time() < time("2030-01-01T00:04:00Z") ? 4 : 2;'
    with Simulation(timing_profile=profile) as simulation:
        scaled = {"enableAutoScale": True, "autoScaleEvaluationInterval": "PT5M"}
        pool = simulation.create_pool({**SIZE, **scaled, "autoScaleFormula": formula})
        seen = []
        for seconds in (200, 199, 2):
            simulation.run_for(timedelta(seconds=seconds))
            seen.append((pool.target_dedicated, len(pool.nodes), str(pool.allocation)))
    assert seen == [(4, 0, "resizing"), (2, 0, "resizing"), (2, 2, "resizing")]


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(tmp_path_factory.mktemp("manual"), "--timing", "manual")
    yield emulator
    assert emulator.stop() == 0


def tick(emulator: Emulator, **choice: object) -> list[str]:
    """Release waiting steps; return them as phase and subject, nodes by their pool only."""
    answer = emulator.admin("POST", "/_admin/tick", choice or None)
    return [f"{one['phase']} {one['subject'].split('/')[0]}" for one in answer["released"]]


def states(emulator: Emulator, pool: str) -> list[str]:
    return sorted(str(node.state.value) for node in emulator.client.list_nodes(pool))


def test_a_tick_takes_as_many_steps_as_it_is_told_and_of_whom(manual: Emulator) -> None:
    for pool in ("one", "two"):
        manual.add_pool(pool, nodes=2)
    assert tick(manual, count=0) == []
    assert tick(manual, subject="tw*") == ["allocate two"]
    assert (states(manual, "one"), states(manual, "two")) == ([], ["creating"] * 2)
    assert tick(manual, count=1, phase="create") == ["create two"]
    until(lambda: states(manual, "two") == ["creating", "starting"])
    assert sorted(tick(manual)) == ["allocate one", "create two", "start two"]
    until(lambda: states(manual, "two") == ["idle", "starting"])
    assert states(manual, "one") == ["creating"] * 2


def test_a_resize_that_is_stopped_while_machines_are_sought_finds_none(manual: Emulator) -> None:
    manual.add_pool("stopped", nodes=3)
    manual.client.begin_stop_pool_resize("stopped", polling_interval=0.02).wait()
    assert tick(manual, phase="allocate", subject="stopped") == []
    pool = manual.client.get_pool("stopped")
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (0, 0)
    grow = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    manual.client.begin_resize_pool("stopped", grow)
    assert tick(manual, subject="stopped") == ["allocate stopped"]
    assert states(manual, "stopped") == ["creating"]


@pytest.mark.parametrize("body", [{"count": -1}, {"count": "all"}, {"subject": 3}, {"pool": "p"}])
def test_a_tick_that_makes_no_sense_is_refused(manual: Emulator, body: object) -> None:
    with pytest.raises(HTTPError) as refused:
        manual.admin("POST", "/_admin/tick", body)
    assert refused.value.code == 400
    refused.value.close()
