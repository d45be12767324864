"""Simulated runs: they give the figures of a manual calculation, and show differences of
policies."""

import itertools
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models

from emulators.batch.service.machines.simulated import SimulatedMachine, simulated_task
from emulators.batch.simulation.report import Report
from emulators.batch.simulation.world import NoTimeLeft, Simulation
from emulators.batch.timing import read_profile
from tests.emulators.batch.running import Emulator

# A manual calculation contains no chance.
PROFILE = read_profile("allocate=0,create=20,start=25")
BOOT_S = 45


def run(nodes: int, tasks: int, *, slots: int = 1, seconds: float = 60.0) -> Report:
    with Simulation(timing_profile=PROFILE) as simulation:
        add_pool(simulation, targetDedicatedNodes=nodes, taskSlotsPerNode=slots)
        simulation.add_tasks("j", (simulated_task(f"t{n}", seconds=seconds) for n in range(tasks)))
        simulation.run()
        return simulation.report("j")


def add_pool(simulation: Simulation, **more: object) -> None:
    simulation.create_pool({"id": "p", "vmSize": "standard_d2s_v5", **more})
    simulation.create_job({"id": "j", "poolInfo": {"poolId": "p"}})


def test_a_hundred_minutes_of_work_on_ten_nodes_take_ten_minutes_and_the_boot() -> None:
    report = run(nodes=10, tasks=100)
    assert report.succeeded == 100
    assert report.makespan_s == pytest.approx(BOOT_S + 600, abs=1)
    assert report.utilisation == pytest.approx(600 / 645, abs=0.02)
    assert report.waits_s[2] == pytest.approx(BOOT_S + 540, abs=1)


def test_slots_share_a_node() -> None:
    assert run(nodes=5, tasks=40, slots=4).makespan_s == pytest.approx(BOOT_S + 120, abs=1)


def test_the_same_simulation_has_the_same_figures() -> None:
    reports = [run(nodes=7, tasks=500, seconds=13.7) for _ in range(2)]
    assert reports[0] == reports[1]


def test_a_task_may_fail_be_tried_again_and_run_out_of_time() -> None:
    with Simulation(timing_profile=PROFILE) as simulation:
        add_pool(simulation, targetDedicatedNodes=3)
        again = {"constraints": {"maxTaskRetryCount": 2}}
        simulation.add_tasks(
            "j",
            [
                simulated_task("fails", seconds=10, exit_code=3, **again),
                simulated_task("slow", seconds=1000, constraints={"maxWallClockTime": "PT1M"}),
            ],
        )
        simulation.run()
        job = simulation.job("j")
        fails, slow = job.task("fails").execution, job.task("slow").execution
    assert (fails["retryCount"], fails["exitCode"]) == (2, 3)
    assert slow["failureInfo"]["code"] == "TaskEnded"


def test_work_that_comes_later_is_waited_for_in_emulated_time() -> None:
    with Simulation(timing_profile=PROFILE) as simulation:
        add_pool(simulation, targetDedicatedNodes=1)
        late = [simulated_task("late", seconds=60)]
        simulation.after(3600, lambda: simulation.add_tasks("j", late))
        simulation.run_for(timedelta(hours=2))
        report = simulation.report("j")
    assert (report.tasks, report.succeeded) == (1, 1)
    assert report.node_hours == pytest.approx(2, abs=0.01)


def test_what_never_comes_about_is_said_at_the_limit() -> None:
    with Simulation(timing_profile=PROFILE) as simulation:
        add_pool(simulation, targetDedicatedNodes=0)
        simulation.add_tasks("j", [simulated_task("waits", seconds=1)])
        with pytest.raises(NoTimeLeft):
            simulation.run(limit=timedelta(days=1))


EAGER = "$TargetDedicatedNodes = min(20, $PendingTasks.GetSample(1));"
CALM = (
    "$TargetDedicatedNodes = min(20, $PendingTasks.GetSample(1) / 10 + 1);"
    "$NodeDeallocationOption = taskcompletion;"
)


def judge(formula: str) -> Report:
    """Bring 40 tasks every half hour, four times, to a pool with a formula."""
    with Simulation(timing_profile=PROFILE) as simulation:
        add_pool(
            simulation,
            enableAutoScale=True,
            autoScaleFormula=formula,
            autoScaleEvaluationInterval="PT5M",
        )
        numbers = itertools.count()

        def arrive() -> None:
            bodies = [simulated_task(f"t{next(numbers)}", seconds=120) for _ in range(40)]
            simulation.add_tasks("j", bodies)

        for wave in range(4):
            simulation.after(60 + wave * 1800, arrive)
        simulation.run_for(timedelta(hours=4))
        return simulation.report("j")


def test_two_autoscale_formulas_are_told_apart_by_cost_and_waiting_time() -> None:
    eager, calm = judge(EAGER), judge(CALM)
    assert eager.succeeded == calm.succeeded == 160
    assert eager.waits_s[1] < calm.waits_s[1] / 2
    assert eager.most_nodes == 20
    assert calm.most_nodes < 10


def test_a_real_client_sees_hours_of_simulated_work_pass_in_seconds(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, "--simulate", "--clock-speed", "20000")
    emulator.add_pool("p", nodes=2, slots=1)
    emulator.add_job("j", "p")
    setting = models.EnvironmentSetting(name="SIMULATED_SECONDS", value="3600")
    for task in ("a", "b", "c"):
        emulator.add_task("j", task, "anything", environment_settings=[setting])
    spans = [emulator.finished("j", task).execution_info for task in ("a", "b", "c")]
    emulator.stop()
    assert all(span.end_time - span.start_time >= timedelta(hours=1) for span in spans)
    assert not list((tmp_path / "nodes").glob("*"))


def test_a_defect_of_the_emulator_fails_its_task_and_nothing_else() -> None:
    class Defective(SimulatedMachine):
        def execution(self, node, spec, directory, *, job_id="", task_id=""):
            if task_id == "unlucky":
                raise RuntimeError("a defect")
            return super().execution(node, spec, directory, job_id=job_id, task_id=task_id)

    with Simulation(timing_profile=PROFILE) as simulation:
        ctx = simulation._emulator.ctx
        ctx.machine = Defective(ctx)
        add_pool(simulation, targetDedicatedNodes=1)
        names = ("unlucky", "lucky")
        simulation.add_tasks("j", (simulated_task(name, seconds=1) for name in names))
        simulation.run()
        unlucky = simulation.job("j").task("unlucky").execution
        assert unlucky["failureInfo"]["category"] == "servererror"
        assert simulation.report("j").succeeded == 1
