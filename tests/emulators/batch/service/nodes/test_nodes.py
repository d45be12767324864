"""Nodes that come late, leave, rest and are preempted."""

import itertools
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.faults import BadRule, parse_rules
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.service.pools.spot import BadTrace, read_trace
from emulators.batch.simulation.world import Simulation
from tests.emulators.batch.running import ROOT, Emulator, shell
from tests.patience import until

_numbers = itertools.count(1)


def add_held_task(emulator: Emulator, name: str, folder: Path) -> Path:
    """Run a task until the returned file appears."""
    go = folder / "go"
    emulator.add_job(name, name)
    emulator.add_task(name, "held", shell(f"until [ -e {go} ]; do sleep 0.02; done"))
    until(lambda: emulator.client.get_task(name, "held").state == "running")
    return go


def only_node(emulator: Emulator, pool: str) -> models.BatchNode:
    (node,) = emulator.client.list_nodes(pool)
    return node


def steady(emulator: Emulator, pool: str) -> models.BatchPool | None:
    found = emulator.client.get_pool(pool)
    return found if found.allocation_state == "steady" else None


def test_a_resize_that_waits_for_tasks_is_given_up_in_time_and_says_so(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("limited")
    go = add_held_task(emulator, "limited", tmp_path)
    shrink = models.BatchPoolResizeOptions(
        target_dedicated_nodes=0,
        node_deallocation_option="taskcompletion",
        resize_timeout=timedelta(minutes=5),
    )
    emulator.client.begin_resize_pool("limited", shrink)
    assert emulator.client.get_pool("limited").allocation_state == "resizing"
    emulator.admin("POST", "/_admin/clock", {"seconds": 301})
    pool = until(lambda: steady(emulator, "limited"))
    assert [error.code for error in pool.resize_errors] == ["AllocationTimedout"]
    assert (pool.current_dedicated_nodes, pool.target_dedicated_nodes) == (1, 0)
    go.touch()
    assert emulator.finished("limited", "held").execution_info.exit_code == 0
    assert emulator.run("limited", "next", "true").execution_info.exit_code == 0


def test_a_deallocated_node_stays_in_its_pool_without_tasks_until_it_is_started(
    emulator: Emulator,
) -> None:
    emulator.add_pool("resting")
    emulator.add_job("resting", "resting")
    until(lambda: only_node(emulator, "resting").state == "idle")
    node = only_node(emulator, "resting").id
    option = {"nodeDeallocateOption": "requeue"}
    emulator.client.begin_deallocate_node("resting", node, option, polling_interval=0.02).wait()
    assert only_node(emulator, "resting").state == "deallocated"
    emulator.add_task("resting", "t", "true")
    with pytest.raises(HttpResponseError) as refused:
        emulator.client.begin_deallocate_node("resting", node, option)
    assert refused.value.error.code == "OperationInvalidForCurrentState"
    assert emulator.client.get_task("resting", "t").state == "active"
    emulator.client.begin_start_node("resting", node, polling_interval=0.02).wait()
    assert emulator.finished("resting", "t").node_info.node_id == node


def test_a_reboot_after_task_completion_waits_for_the_task(
    emulator: Emulator, tmp_path: Path
) -> None:
    emulator.add_pool("reboots")
    go = add_held_task(emulator, "reboots", tmp_path)
    node = only_node(emulator, "reboots").id
    options = {"nodeRebootOption": "taskcompletion"}
    emulator.client.begin_reboot_node("reboots", node, options)
    assert only_node(emulator, "reboots").state == "rebooting"
    go.touch()
    task = emulator.finished("reboots", "held")
    assert (task.execution_info.exit_code, task.execution_info.requeue_count) == (0, 0)
    until(lambda: only_node(emulator, "reboots").state == "idle")


def simulate_spot(nodes: int, **options: object) -> tuple[int, int, int]:
    """Run ten hours of spot work; return requeues, succeeded tasks and usable nodes."""
    with Simulation(**options) as simulation:
        pool = simulation.create_pool(
            {"id": "spot", "vmSize": "standard_d2s_v5", "targetLowPriorityNodes": nodes}
        )
        job = simulation.create_job({"id": "j", "poolInfo": {"poolId": "spot"}})
        simulation.add_tasks("j", (simulated_task(f"t{n}", seconds=600) for n in range(nodes * 50)))
        simulation.run_for(timedelta(hours=10))
        requeues = sum(task.execution["requeueCount"] for task in job.tasks.values())
        ready = sum(1 for node in pool.nodes.values() if node.takes_tasks)
        return requeues, job.counts["succeeded"], ready


def test_spot_nodes_are_preempted_at_about_the_rate_and_come_back() -> None:
    requeues, succeeded, ready = simulate_spot(20, spot_preemptions_per_hour=0.5)
    assert 60 < requeues < 140
    assert succeeded > 900
    assert ready >= 18


def test_the_same_seed_preempts_the_same_nodes() -> None:
    figures = [simulate_spot(5, spot_preemptions_per_hour=1.0, seed=3) for _ in range(2)]
    assert figures[0] == figures[1]


def test_a_trace_takes_nodes_and_capacity_away_and_gives_it_back(tmp_path: Path) -> None:
    trace = tmp_path / "trace.csv"
    trace.write_text("seconds,pool,preempt,capacity\n3600,sp*,4,6\n7200,,0,\n18000,*,0,10\n")
    with Simulation(spot_trace=trace) as simulation:
        pool = simulation.create_pool(
            {"id": "spot", "vmSize": "standard_d2s_v5", "targetLowPriorityNodes": 10}
        )

        def ready() -> int:
            return sum(1 for node in pool.nodes.values() if node.takes_tasks)

        seen = []
        for hour in (0.5, 1.5, 2, 2):
            simulation.run_for(timedelta(hours=hour))
            seen.append(ready())
    assert seen == [10, 6, 6, 10]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a,b\n", "first line"),
        ("seconds,pool,preempt,capacity\nsoon,*,1,\n", "line 2"),
        ("seconds,pool,preempt,capacity\n1\n", "line 2"),
        ("seconds,pool,preempt,capacity\nnan,*,1,\n", "line 2: seconds, preempt and capacity"),
        ("seconds,pool,preempt,capacity\n-1,*,1,\n", "not negative"),
        ("seconds,pool,preempt,capacity\n1,*,-1,\n", "not negative"),
        ("seconds,pool,preempt,capacity\n1,*,1,-4\n", "not negative"),
    ],
)
def test_a_trace_that_cannot_be_followed_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "trace.csv").write_text(text)
    with pytest.raises(BadTrace, match=reason):
        read_trace(tmp_path / "trace.csv")


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        ({"operation": "get_pol"}, "operation"),
        ({"probability": 2}, "probability"),
        ({"status": "503"}, "status"),
        ({"when": "later"}, "when"),
        ({"once": 1}, "once"),
        ({"colour": "red"}, "colour"),
        ("boom", "JSON object"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_with_its_reason(rule: object, reason: str) -> None:
    with pytest.raises(BadRule, match=reason):
        parse_rules(rule, {"get_pool"})


def test_rules_of_a_file_are_in_force_from_the_start(tmp_path: Path) -> None:
    rules = tmp_path / "rules.json"
    rules.write_text(json.dumps([{"operation": "list_jobs", "status": 409, "code": "JobDisabled"}]))
    emulator = Emulator(tmp_path / "data", "--faults", str(rules))
    with pytest.raises(HttpResponseError) as refused:
        list(emulator.client.list_jobs())
    assert refused.value.error.code == "JobDisabled"
    emulator.stop()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--port", "99999"], "99999 is not from 0 to 65535"),
        (["--clock-speed", "-1"], "-1 is not from 0"),
        (["--clock-speed", "nan"], "nan is not from 0"),
        (["--node-quota", "-3"], "-3 is not from 0"),
        (["--autoscale-interval-scale", "0"], "0 is not from"),
        (["--key", "no key!"], "--key has to be base64"),
        (["--key", ""], "--key has to be base64"),
        (["--key", "a2V5"], "write it into a file, and give --key @FILE, or set EMULATOR_KEY"),
        (["--key=a2V5"], "write it into a file"),
        (["--allowed-host", "a/b"], "invalid host name without a port value"),
        (["--applications", "/nowhere"], "/nowhere is not a folder"),
        (["--identities", "/nowhere"], "/nowhere is not a usable identities file"),
        (["--data", "/proc/nowhere"], "pass another --data folder"),
    ],
)
def test_what_cannot_be_is_refused_at_the_start_with_a_reason(
    tmp_path: Path, flags: list[str], told: str
) -> None:
    command = [sys.executable, "-m", "emulators.batch", "--data", str(tmp_path), *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode in (1, 2)
    assert told in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Unclosed" not in ended.stderr


def test_a_stranger_is_told_what_the_program_takes() -> None:
    command = [sys.executable, "-m", "emulators.batch", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for chapter in ("account:", "time:", "misbehaviour:", "tokens and TLS:"):
        assert chapter in shown
