"""Autoscale and resize through the client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import Emulator, held, shell
from tests.patience import until

FORMULA = """
cap = 3;
last = max(0, $PendingTasks.GetSample(1));
floor = time() < time("2000-01-01T00:00:00Z") ? 3 : 0;
$TargetDedicatedNodes = max(floor, min(cap, ceil(last / $TaskSlotsPerNode)));
$NodeDeallocationOption = taskcompletion;
"""


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    flags = (
        "--autoscale-interval-scale",
        "0.003",
        "--autoscale-min-seconds",
        "1000",
        "--node-quota",
        "6",
    )
    running = Emulator(tmp_path_factory.mktemp("scaling"), *flags)
    yield running
    assert running.stop() == 0


def code_of(call) -> str:
    with pytest.raises(HttpResponseError) as error:
        call()
    return error.value.error.code


def test_a_pool_follows_its_pending_tasks_up_and_down_to_zero(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool(
        "auto", slots=2, auto_scale_formula=FORMULA, auto_scale_evaluation_interval="PT5M"
    )
    assert emulator.client.get_pool("auto").current_dedicated_nodes == 0
    emulator.add_job("auto", "auto")
    for name in "abc":
        emulator.add_task("auto", name, held(tmp_path / "go"))
    options = models.BatchPoolEnableAutoScaleOptions(auto_scale_formula=FORMULA)
    emulator.client.enable_pool_auto_scale("auto", options)
    pool = emulator.client.get_pool("auto")
    assert pool.target_dedicated_nodes == 2
    assert pool.auto_scale_run.results.endswith(
        "$NodeDeallocationOption=taskcompletion;cap=3;floor=0;last=3"
    )
    (tmp_path / "go").touch()
    until(lambda: emulator.client.get_job_task_counts("auto").task_counts.completed == 3)
    until(lambda: emulator.client.get_pool("auto").current_dedicated_nodes == 0)


def test_enabling_too_often_is_refused(emulator: Emulator) -> None:
    emulator.add_pool("often", auto_scale_formula="$TargetDedicatedNodes = 0;")
    options = models.BatchPoolEnableAutoScaleOptions(
        auto_scale_formula="$TargetDedicatedNodes = 0;"
    )
    emulator.client.enable_pool_auto_scale("often", options)
    code = code_of(lambda: emulator.client.enable_pool_auto_scale("often", options, retry_total=0))
    assert code == "TooManyEnableAutoScaleRequests"


def test_a_formula_is_tried_without_consequences(emulator: Emulator) -> None:
    emulator.add_pool("tried", auto_scale_formula="$TargetDedicatedNodes = 0;")
    run = emulator.client.evaluate_pool_auto_scale(
        "tried",
        models.BatchPoolEvaluateAutoScaleOptions(
            auto_scale_formula="$TargetDedicatedNodes = 2.9; x = 1/2;"
        ),
    )
    assert run.results.startswith("$TargetDedicatedNodes=2;") and run.results.endswith(";x=0.5")
    wrong = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="$x = $Nothing;")
    error = emulator.client.evaluate_pool_auto_scale("tried", wrong).error
    assert error.code == "AutoScalingFormulaEvaluationError"
    assert error.error_values[0].value == "Line 1, Col 6: Undefined symbol: $Nothing"
    syntax = models.BatchPoolEvaluateAutoScaleOptions(auto_scale_formula="a = = 1")
    assert (
        code_of(lambda: emulator.client.evaluate_pool_auto_scale("tried", syntax))
        == "AutoScalingFormulaSyntaxError"
    )
    assert emulator.client.get_pool("tried").target_dedicated_nodes == 0


def test_the_quota_shows_as_a_resize_error_and_the_target_stays(emulator: Emulator) -> None:
    emulator.add_pool("greedy", nodes=50)
    pool = emulator.client.get_pool("greedy")
    assert (pool.target_dedicated_nodes, pool.allocation_state) == (50, "steady")
    assert pool.resize_errors[0].code == "AccountCoreQuotaReached"
    emulator.client.begin_delete_pool("greedy", polling_interval=0.05).result()


def test_a_resize_waits_for_running_tasks_when_asked_to(emulator: Emulator, tmp_path: Path) -> None:
    emulator.add_pool("patient", nodes=1)
    emulator.add_job("patient", "patient")
    emulator.add_task("patient", "one", held(tmp_path / "go"))
    until(lambda: emulator.client.get_task("patient", "one").state == "running")
    options = models.BatchPoolResizeOptions(
        target_dedicated_nodes=0, node_deallocation_option="taskcompletion"
    )
    resizing = emulator.client.begin_resize_pool("patient", options, polling_interval=0.05)
    assert (
        code_of(lambda: emulator.client.begin_resize_pool("patient", options)) == "PoolBeingResized"
    )
    (tmp_path / "go").touch()
    task = emulator.finished("patient", "one")
    assert (task.execution_info.result, task.execution_info.requeue_count) == ("success", 0)
    resizing.result()
    assert emulator.client.get_pool("patient").current_dedicated_nodes == 0


def test_a_node_whose_start_task_fails_takes_no_tasks(emulator: Emulator) -> None:
    start = models.BatchStartTask(command_line=shell("exit 4"), wait_for_success=True)
    emulator.add_pool("stuck", nodes=1, start_task=start)
    node = until(lambda: _failed(emulator, "stuck"))
    assert node.start_task_info.exit_code == 4
    good = models.BatchStartTask(
        command_line=shell("echo hi > $AZ_BATCH_NODE_SHARED_DIR/x"), wait_for_success=True
    )
    emulator.add_pool("started", nodes=1, start_task=good)
    emulator.add_job("started", "started")
    emulator.run("started", "one", shell("cat $AZ_BATCH_NODE_SHARED_DIR/x"))
    assert emulator.file("started", "one", "stdout.txt") == "hi\n"


def _failed(emulator: Emulator, pool: str) -> models.BatchNode | None:
    return next(
        (node for node in emulator.client.list_nodes(pool) if node.state == "starttaskfailed"), None
    )
