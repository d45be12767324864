"""A program that kills or stops its parents takes no finished item with it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from task_scripts.runtime.runner_missing import explain_kill, memory_kills
from tests.node.conftest import Node
from tests.patience import stretched

PARENT = 'up() { cut -d" " -f4 /proc/$1/stat; }; guardian=$PPID; runner=$(up $guardian); '
KEEPER = f"{PARENT} keeper=$(up $runner); "
WRITE = 'echo $FANFARE_ITEM >> "$2"; echo $FANFARE_ITEM > "$1/x"; '


def program(node: Node, tmp_path: Path, script: str) -> Callable[[], list[str]]:
    """Let three items write down that they ran, and one of them do more; return what they wrote."""
    ran = tmp_path / "ran"
    node.sh(f"{WRITE} test $FANFARE_ITEM != 1 || {{ {script}; }}", "{output}", str(ran)).items(3)
    return lambda: ran.read_text().split()


def outcomes(receipt: dict[str, Any]) -> list[str]:
    return [item["outcome"] for item in receipt["items"]]


def interrupted(node: Node) -> None:
    """Run the task; it leaves no receipt."""
    with node.start() as runner:
        runner.communicate(timeout=stretched(30))
    assert runner.returncode != 0
    assert not list(node.folder.glob("r-*"))


def test_a_program_that_kills_the_runner_fails_alone(node: Node, tmp_path: Path) -> None:
    ran = program(node, tmp_path, f"{PARENT} kill -9 $runner; sleep 90")
    receipt = node.run()
    assert outcomes(receipt) == ["succeeded", "failed", "succeeded"]
    killer = receipt["items"][1]
    assert killer["cause"] == "program-failed"
    assert killer["tail"].startswith("The program killed the runner (signal 9).")
    assert ran() == ["0", "1", "2"]
    assert [path.name for path in node.folder.glob("p*")] == ["page.json"]


def test_a_try_that_killed_the_runner_counts_as_a_try(node: Node, tmp_path: Path) -> None:
    node.page["tries"] = {"program-failed": 2}
    program(node, tmp_path, f"{PARENT} test $FANFARE_TRY = 2 || kill -9 $runner")
    receipt = node.run()
    assert outcomes(receipt) == ["succeeded"] * 3
    assert receipt["items"][1]["tries"] == 2


@pytest.mark.parametrize("victims", ["$runner", "$runner $keeper", "$guardian"])
def test_a_program_that_stops_its_parents_stops_nothing(
    node: Node, tmp_path: Path, victims: str
) -> None:
    program(node, tmp_path, f"{KEEPER} kill -STOP {victims}")
    assert outcomes(node.run()) == ["succeeded"] * 3


def test_what_was_finished_survives_the_end_of_all_parents(node: Node, tmp_path: Path) -> None:
    ran = program(node, tmp_path, f"{KEEPER} test -e again || kill -9 $keeper $runner $guardian")
    interrupted(node)
    (journal,) = node.folder.glob("p-*.jsonl")
    attempt = json.loads(journal.read_text().splitlines()[0])["attempt"]
    node.page["program"]["command"][2] = WRITE  # the next time the program behaves
    journal.rename(node.folder / "finished.jsonl")
    receipt = node.run()
    assert outcomes(receipt) == ["succeeded"] * 3
    assert receipt["after"] == [attempt]
    assert receipt["attempt"] != attempt
    blobs = [item["outputs"][0]["blob"].split("-")[1] for item in receipt["items"]]
    assert blobs == [attempt, receipt["attempt"], receipt["attempt"]]
    assert ran() == ["0", "1", "1", "2"]


def machine(root: Path, total: int, own: int) -> tuple[int, ...]:
    """Write the kernel's counters as they lie below the root; return how the runner reads them."""
    group = root / "sys/fs/cgroup/task"
    for folder in (group, root / "proc/self"):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "proc/self/cgroup").write_text("0::/task\n")
    (root / "proc/vmstat").write_text(f"pgfault 9\noom_kill {total}\n")
    (group / "memory.events").write_text(f"low 0\noom 7\noom_kill {own}\n")
    return memory_kills(root)


@pytest.mark.parametrize(("total", "own"), [(4, 1), (3, 2), (4, 2)])
def test_a_kill_for_lack_of_memory_is_told_by_the_kernels_counters(
    tmp_path: Path, total: int, own: int
) -> None:
    before, after = machine(tmp_path, 3, 1), machine(tmp_path, total, own)
    said = explain_kill(before, after, killed=True)
    assert said.startswith("The kernel killed a process because memory ran out: use a larger VM")
    assert "task.memory" in said


def test_a_kill_without_counters_is_only_perhaps_for_lack_of_memory(tmp_path: Path) -> None:
    none = memory_kills(tmp_path)
    assert explain_kill(none, none, killed=True).startswith("If memory ran out: use a larger VM")
    assert explain_kill(none, none, killed=False) == ""


def test_the_first_cgroups_are_read_too(tmp_path: Path) -> None:
    machine(tmp_path, 0, 0)
    group = tmp_path / "sys/fs/cgroup/memory/batch"
    group.mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("5:cpu,memory:/batch\n1:name=systemd:/x\n")
    (group / "memory.oom_control").write_text("under_oom 0\noom_kill 6\n")
    assert memory_kills(tmp_path) == (0, 6)


def test_a_program_that_is_killed_says_what_helps_if_memory_ran_out(node: Node) -> None:
    tail = node.sh("kill -9 $$").run_one()["tail"]
    assert "ended by signal 9 (Killed). If memory ran out: use a larger VM size" in tail
