"""SIGKILL at any moment: nothing is lost, nothing stays behind, nothing runs twice at once."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from azure.batch import models

from tests.emulators.batch.running import Emulator, alive, held, shell
from tests.patience import until

# Each run notes its start, its end, and whether another run of its task is at work. Odd tasks
# are held, so that every kill strikes some; even ones end whenever they do.
WORK = shell(
    'd="$MARKS/$AZ_BATCH_TASK_ID"; mkdir -p "$d"; mkdir "$d/lock.$$"; '
    'for other in "$d"/lock.*; do p=${other##*.}; '
    '[ "$p" = $$ ] || ! kill -0 "$p" 2>/dev/null || touch "$d/twice"; done; '
    "case $AZ_BATCH_TASK_ID in *[02468]) sleep 0.2;; "
    '*) until [ -e "$MARKS/go" ]; do sleep 0.05; done;; esac; '
    'touch "$d/done"; rmdir "$d/lock.$$"'
)


def add_work(emulator: Emulator, marks: Path, count: int) -> None:
    emulator.add_pool("p", nodes=2, slots=4)
    emulator.add_job("j", "p")
    setting = models.EnvironmentSetting(name="MARKS", value=str(marks))
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{n}", command_line=WORK, environment_settings=[setting])
        for n in range(count)
    ]
    emulator.client.create_tasks("j", tasks)


def test_after_three_kills_every_task_has_completed_and_none_ran_twice_at_once(
    tmp_path: Path,
) -> None:
    emulator = Emulator(tmp_path / "data")
    marks = tmp_path / "marks"
    add_work(emulator, marks, 24)
    for _ in range(3):
        until(lambda: emulator.client.get_job_task_counts("j").task_counts.running > 0)
        emulator.stop(signal.SIGKILL)
        emulator.start()
    (marks / "go").touch()
    until(lambda: emulator.client.get_job_task_counts("j").task_counts.completed == 24)
    tasks = list(emulator.client.list_tasks("j"))
    emulator.stop()
    assert {task.execution_info.result for task in tasks} == {"success"}
    assert sum(task.execution_info.requeue_count for task in tasks) >= 3
    assert len(list(marks.glob("*/done"))) == 24
    assert not list(marks.glob("*/twice"))


def test_no_process_outlives_a_killed_emulator(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    emulator.add_pool("p")
    emulator.add_job("j", "p")
    pids = tmp_path / "pids"
    script = shell(
        f"setsid sh -c 'echo $$ >> {pids}; exec sleep 300' & echo $$ >> {pids}; sleep 300"
    )
    emulator.add_task("j", "t", script)
    until(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    emulator.stop(signal.SIGKILL)
    for pid in pids.read_text().split():
        until(lambda pid=int(pid): not alive(pid))


def test_an_agent_that_is_killed_takes_no_task_with_it_for_good(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    emulator.add_pool("p")
    emulator.add_job("j", "p")
    for name in "abc":
        emulator.add_task("j", name, held(tmp_path / "go"))
    until(lambda: emulator.client.get_job_task_counts("j").task_counts.running == 3)
    pid = emulator.process.pid
    (agent,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    os.kill(int(agent), signal.SIGKILL)
    (tmp_path / "go").touch()
    results = {emulator.finished("j", name).execution_info.result for name in "abc"}
    emulator.stop()
    assert results == {"success"}


def test_a_used_data_folder_and_a_broken_one_get_a_clear_message(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path / "data")
    command = [sys.executable, "-m", "emulators.batch", "--account", "a", "--data"]
    second = subprocess.run(
        [*command, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    emulator.stop()
    (tmp_path / "data" / "batch.sqlite").write_bytes(
        b"this is no database, but long enough to look at" * 100
    )
    for left in (tmp_path / "data").glob("batch.sqlite-*"):
        left.unlink()
    broken = subprocess.run(
        [*command, str(tmp_path / "data")], capture_output=True, text=True, check=False
    )
    assert (second.returncode, broken.returncode) == (1, 1)
    assert "Another Batch emulator uses" in second.stderr
    assert "not a usable state file" in broken.stderr
    assert "Traceback" not in second.stderr + broken.stderr
