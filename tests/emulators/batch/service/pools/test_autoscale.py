"""Autoscale through the client, on a clock that moves only on command."""

import itertools
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.model.pool import Pool
from emulators.batch.simulation.world import Simulation
from tests.emulators.batch.running import Emulator, held
from tests.emulators.batch.service.pools.autoscaling import add_scaling, evaluate, pass_time
from tests.patience import until

COUNT = "n = $PendingTasks.Count(); p = $PendingTasks.GetSamplePercent(TimeInterval_Minute * 10);"
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    flags = ("--clock-speed", "0", "--autoscale-dialect", "live_samples=false")
    running = Emulator(tmp_path_factory.mktemp("autoscale"), *flags)
    yield running
    assert running.stop() == 0


@pytest.fixture
def name() -> str:
    return f"pool{next(_numbers)}"


def enable(emulator: Emulator, name: str, **settings: object) -> None:
    options = models.BatchPoolEnableAutoScaleOptions(**settings)
    emulator.client.enable_pool_auto_scale(name, options, retry_total=0)


def code_of(refused: pytest.ExceptionInfo[HttpResponseError]) -> str:
    return refused.value.error.code


def test_every_thirty_seconds_a_sample_is_taken_and_published_a_minute_later(
    emulator: Emulator, name: str
) -> None:
    add_scaling(emulator, name, "$TargetDedicatedNodes = 0;", minutes=60)
    assert evaluate(emulator, name, COUNT).results.endswith("n=0;p=0")
    pass_time(emulator, seconds=85)
    assert evaluate(emulator, name, COUNT).results.endswith("n=0;p=0")
    pass_time(emulator, seconds=5)
    assert evaluate(emulator, name, COUNT).results.endswith("n=1;p=5")
    pass_time(emulator, minutes=10)
    assert evaluate(emulator, name, COUNT).results.endswith("n=21;p=95")


def test_the_formula_runs_at_creation_and_then_at_its_interval(
    emulator: Emulator, name: str
) -> None:
    add_scaling(emulator, name, "$TargetDedicatedNodes = min(2, $PendingTasks.Count());", 6)
    first = emulator.client.get_pool(name).auto_scale_run
    assert first.results.startswith("$TargetDedicatedNodes=0;")
    pass_time(emulator, minutes=5)
    assert emulator.client.get_pool(name).auto_scale_run.timestamp == first.timestamp
    pass_time(emulator, minutes=1)
    pool = until(lambda: _if_steady(emulator, name))
    assert pool.auto_scale_run.timestamp - first.timestamp == timedelta(minutes=6)
    assert (pool.target_dedicated_nodes, pool.current_dedicated_nodes) == (2, 2)


def _if_steady(emulator: Emulator, name: str) -> models.BatchPool | None:
    pool = emulator.client.get_pool(name)
    return pool if pool.allocation_state == "steady" else None


def test_a_new_interval_restarts_the_schedule_and_keeps_the_formula(
    emulator: Emulator, name: str
) -> None:
    add_scaling(emulator, name, "a = 1;", 10)
    pass_time(emulator, minutes=8)
    enable(emulator, name, auto_scale_evaluation_interval=timedelta(minutes=5))
    asked = emulator.client.get_pool(name)
    assert asked.auto_scale_formula == "a = 1;"
    pass_time(emulator, minutes=4)
    assert emulator.client.get_pool(name).auto_scale_run.timestamp == asked.auto_scale_run.timestamp
    pass_time(emulator, minutes=1)
    later = emulator.client.get_pool(name).auto_scale_run.timestamp
    assert later - asked.auto_scale_run.timestamp == timedelta(minutes=5)


def test_a_run_that_fails_changes_nothing_and_says_why(emulator: Emulator, name: str) -> None:
    formula = (
        "$NodeDeallocationOption = terminate;"
        "$TargetDedicatedNodes = $PendingTasks.Count() < 5 ? 1 : $Nothing;"
    )
    add_scaling(emulator, name, formula)
    until(lambda: _if_steady(emulator, name))
    pass_time(emulator, minutes=5)
    pool = emulator.client.get_pool(name)
    assert (pool.target_dedicated_nodes, pool.allocation_state) == (1, "steady")
    run = pool.auto_scale_run
    assert run.error.code == "AutoScalingFormulaEvaluationError"
    assert run.error.message == "The specified auto-scaling formula has evaluation error"
    assert run.error.error_values[0].value == "Line 1, Col 93: Undefined symbol: $Nothing"
    assert run.results == (
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=0;$NodeDeallocationOption=terminate"
    )


def test_too_few_samples_are_told_as_the_service_does(emulator: Emulator, name: str) -> None:
    add_scaling(emulator, name, "x = 1;\ny = $RunningTasks.GetSample(TimeInterval_Minute * 5);")
    error = emulator.client.get_pool(name).auto_scale_run.error
    assert error.code == "InsufficientSampleData"
    assert error.error_values[0].value == (
        "Line 2, Col 28: Insufficient data from data set: $RunningTasks wanted 70%, received 0%"
    )


def test_trying_a_formula_changes_nothing(emulator: Emulator, name: str) -> None:
    add_scaling(emulator, name, "a = 1;")
    before = emulator.client.get_pool(name).as_dict()
    formula = "$TargetDedicatedNodes = 3; n = $PendingTasks.Count();"
    assert evaluate(emulator, name, formula).results.endswith(";n=0")
    assert evaluate(emulator, name, formula).results.endswith(";n=0")
    assert emulator.client.get_pool(name).as_dict() == before


def test_a_formula_can_only_be_tried_where_autoscale_is_enabled(
    emulator: Emulator, name: str
) -> None:
    emulator.add_pool(name, nodes=0)
    with pytest.raises(HttpResponseError) as refused:
        evaluate(emulator, name, "a = 1;")
    assert refused.value.status_code == 409
    with pytest.raises(HttpResponseError) as refused:
        enable(emulator, name)
    assert code_of(refused) == "InvalidAutoScalingSettings"


def test_enabling_within_thirty_seconds_is_refused_and_then_allowed(
    emulator: Emulator, name: str
) -> None:
    emulator.add_pool(name, nodes=0)
    enable(emulator, name, auto_scale_formula="a = 1;")
    pass_time(emulator, seconds=29)
    with pytest.raises(HttpResponseError) as refused:
        enable(emulator, name, auto_scale_formula="a = 2;")
    assert (refused.value.status_code, code_of(refused)) == (503, "TooManyEnableAutoScaleRequests")
    assert emulator.client.get_pool(name).auto_scale_formula == "a = 1;"
    pass_time(emulator, seconds=1)
    enable(emulator, name, auto_scale_formula="a = 2;")
    assert emulator.client.get_pool(name).auto_scale_run.results.endswith(";a=2")


@pytest.mark.parametrize("hours", [4.9 / 60, 168.1])
def test_an_interval_out_of_range_is_refused(emulator: Emulator, name: str, hours: float) -> None:
    emulator.add_pool(name, nodes=0)
    interval = timedelta(hours=hours)
    with pytest.raises(HttpResponseError) as refused:
        enable(emulator, name, auto_scale_formula="a=1", auto_scale_evaluation_interval=interval)
    assert (refused.value.status_code, code_of(refused)) == (400, "InvalidPropertyValue")
    assert not emulator.client.get_pool(name).enable_auto_scale


@pytest.mark.parametrize("hours", [5 / 60, 168])
def test_the_ends_of_the_interval_are_allowed(emulator: Emulator, name: str, hours: float) -> None:
    emulator.add_pool(name, nodes=0)
    interval = timedelta(hours=hours)
    enable(emulator, name, auto_scale_formula="a=1", auto_scale_evaluation_interval=interval)
    assert emulator.client.get_pool(name).auto_scale_evaluation_interval == interval


def test_the_default_interval_is_fifteen_minutes(emulator: Emulator, name: str) -> None:
    emulator.add_pool(name, nodes=0)
    enable(emulator, name, auto_scale_formula="a=1")
    interval = emulator.client.get_pool(name).auto_scale_evaluation_interval
    assert interval == timedelta(minutes=15)


def test_autoscale_is_not_enabled_while_a_pool_is_resized(
    emulator: Emulator, name: str, tmp_path: Path
) -> None:
    emulator.add_pool(name, nodes=1)
    emulator.add_job(name, name)
    emulator.add_task(name, "one", held(tmp_path / "go"))
    until(lambda: emulator.client.get_task(name, "one").state == "running")
    options = models.BatchPoolResizeOptions(
        target_dedicated_nodes=0, node_deallocation_option="taskcompletion"
    )
    resizing = emulator.client.begin_resize_pool(name, options, polling_interval=0.05)
    with pytest.raises(HttpResponseError) as refused:
        enable(emulator, name, auto_scale_formula="a=1")
    assert (refused.value.status_code, code_of(refused)) == (409, "PoolBeingResized")
    (tmp_path / "go").touch()
    resizing.result()
    enable(emulator, name, auto_scale_formula="a=1")


def test_a_resize_by_hand_is_refused_until_autoscale_is_disabled(
    emulator: Emulator, name: str
) -> None:
    add_scaling(emulator, name, "a = 1;")
    options = models.BatchPoolResizeOptions(target_dedicated_nodes=1)
    with pytest.raises(HttpResponseError) as refused:
        emulator.client.begin_resize_pool(name, options)
    assert refused.value.status_code == 409
    emulator.client.disable_pool_auto_scale(name)
    emulator.client.begin_resize_pool(name, options, polling_interval=0.05).result()
    assert emulator.client.get_pool(name).current_dedicated_nodes == 1


@pytest.mark.parametrize(
    ("formula", "code"),
    [
        ("a = 1\nb = 2", "AutoScalingFormulaSyntaxError"),
        ("a = " + "(1+" * 300 + "1" + ")" * 300, "AutoScalingFormulaSyntaxError"),
        ("a = " + "1" * 8200, "AutoScalingFormulaTooLong"),
        ("a=1;" * 101, "AutoScalingFormulaTooLong"),
    ],
)
def test_what_is_no_formula_is_refused_with_the_request(
    emulator: Emulator, name: str, formula: str, code: str
) -> None:
    emulator.add_pool(name, nodes=0)
    with pytest.raises(HttpResponseError) as refused:
        enable(emulator, name, auto_scale_formula=formula)
    assert (refused.value.status_code, code_of(refused)) == (400, code)


def test_the_dialect_may_withhold_samples_until_a_pool_has_nodes(tmp_path: Path) -> None:
    flags = ("--clock-speed", "0", "--autoscale-dialect", "samples_without_nodes=false")
    emulator = Emulator(tmp_path, *flags)
    add_scaling(emulator, "empty", "a = 1;", 60)
    pass_time(emulator, minutes=5)
    assert evaluate(emulator, "empty", COUNT).results.endswith("n=0;p=0")
    enable(emulator, "empty", auto_scale_formula="$TargetDedicatedNodes = 1;")
    until(lambda: _if_steady(emulator, "empty"))
    pass_time(emulator, minutes=5)
    # Ten were taken, two of them are not published yet, and one is of this moment.
    assert evaluate(emulator, "empty", COUNT).results.endswith("n=9;p=45")
    assert emulator.stop() == 0


@pytest.mark.parametrize("words", ["colour=red", "sunday=3"])
def test_a_dialect_that_is_none_ends_the_command_line_with_the_reason(words: str) -> None:
    command = [sys.executable, "-m", "emulators.batch", "--autoscale-dialect", words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 2
    assert words.partition("=")[0] in ended.stderr.splitlines()[-1]


def scaled_at_intervals(simulation: Simulation, **more: object) -> Pool:
    return simulation.create_pool({"id": "p", "vmSize": "standard_d2s_v5", **more})


@pytest.fixture
def simulation() -> Iterator[Simulation]:
    with Simulation(autoscale_dialect=Dialect(evaluates_at_enable=False)) as simulation:
        yield simulation


TWO = "$TargetDedicatedNodes = 2;"


def enabled(simulation: Simulation, pool: Pool, interval: str | None = None) -> None:
    named = {"autoScaleEvaluationInterval": interval} if interval else {}
    body = {"autoScaleFormula": TWO, **named}
    simulation.do(lambda batch: batch.pools.enable_autoscale(pool, body))


def test_where_enabling_does_not_evaluate_the_formula_runs_an_interval_later(
    simulation: Simulation,
) -> None:
    pool = scaled_at_intervals(simulation)
    enabled(simulation, pool, "PT5M")
    simulation.run_for(timedelta(minutes=4, seconds=59))
    assert (pool.targets, pool.autoscale_run) == ((0, 0), {})
    simulation.run_for(timedelta(seconds=2))
    assert pool.targets == (2, 0)


def test_where_enabling_does_not_evaluate_a_creation_does(simulation: Simulation) -> None:
    settings = {"autoScaleFormula": TWO, "autoScaleEvaluationInterval": "PT5M"}
    pool = scaled_at_intervals(simulation, enableAutoScale=True, **settings)
    assert pool.targets == (2, 0)


def test_an_interval_that_is_named_again_begins_the_schedule_anew_and_another_formula_does_not(
    simulation: Simulation,
) -> None:
    pool = scaled_at_intervals(simulation)
    enabled(simulation, pool, "PT5M")
    simulation.run_for(timedelta(minutes=3))
    enabled(simulation, pool, "PT5M")
    simulation.run_for(timedelta(minutes=3))
    assert pool.targets == (0, 0)
    enabled(simulation, pool)
    simulation.run_for(timedelta(minutes=3))
    assert pool.targets == (2, 0)
