"""`make bench-batch`: how fast the Batch emulator accepts, lists, runs and simulates tasks."""

import argparse
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
from azure.batch import models
from azure.core.rest import HttpRequest
from rich.console import Console

from benchmarks.machine import machine_line
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.simulation.world import Simulation
from pipeline.cli.stack.signals import end_in_order, ending
from tests.emulators.batch.running import Emulator
from tests.patience import until

RUNS = 5
SLOTS = 4
MEMORY = Path("/dev/shm")
console = Console(highlight=False, soft_wrap=True)


def main() -> None:
    """Measure everything and print the figures; options make the loads smaller."""
    end_in_order()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    add = parser.add_argument
    add("--tasks", type=int, default=100_000, help="tasks of the large job")
    add("--processes", type=int, default=1000, help="no-op tasks that run as processes")
    add("--simulated", type=int, default=1_000_000, help="tasks of the simulation")
    add("--nodes", type=int, default=2000, help="nodes of the simulation")
    given = parser.parse_args()
    console.print(machine_line())
    accepting(given.tasks)
    against_xargs(given.processes)
    console.print(simulating(given.simulated, given.nodes))


@contextmanager
def emulator(data: Path, nodes: int = 0) -> Iterator[Emulator]:
    """Run an emulator with one pool during a with block."""
    running = Emulator(data)
    running.add_pool("p", nodes=nodes, slots=SLOTS)
    try:
        yield running
    finally:
        ending()
        running.stop()


def accepting(most: int) -> None:
    """Submit jobs of growing size through the SDK, then list the largest."""
    small = min(1000, most)
    with tempfile.TemporaryDirectory() as folder, emulator(Path(folder) / "data") as running:
        _submit(running, "warm-up", small, 1)
        for threads in (1, 4, 16):
            seconds = _submit(running, f"threads-{threads}", min(10_000, most), threads)
            rate = min(10_000, most) / seconds
            console.print(f"create_tasks, {threads} threads: {rate:,.0f} tasks/s (goal ≥ 3,000)")
        few = statistics.median(_submit(running, f"few-{n}", small, 4) for n in range(RUNS))
        seconds = _submit(running, "many", most, 4)
        ratio = (seconds / most) / (few / small)
        console.print(
            f"{most:,} tasks in one job: {most / seconds:,.0f} tasks/s; "
            f"time per task {ratio:.2f}× that of {small:,} (goal ≤ 1.3×)"
        )
        _listing(running)
        memory = psutil.Process(running.process.pid).memory_info().rss / 2**20
        console.print(f"resident memory afterwards: {memory:.0f} MiB")
        running.stop()
        console.print(f"restart on that state: {_seconds(running.start):.1f} s")


def _submit(running: Emulator, job: str, count: int, threads: int) -> float:
    running.add_job(job, "p")
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{number:06}", command_line="/bin/true")
        for number in range(count)
    ]
    return _seconds(lambda: running.client.create_tasks(job, tasks, max_concurrency=threads))


def _listing(running: Emulator) -> None:
    wire = "/jobs/many/tasks?api-version=2025-06-01"
    requests = {
        "list 1,000 tasks, on the wire": (wire, "goal ≤ 50 ms"),
        "the same with $select=id,state": (f"{wire}&$select=id,state", ""),
        "$filter over all tasks that finds none": (f"{wire}&$filter=state eq 'completed'", ""),
    }
    for name, (url, goal) in requests.items():
        _print(name, lambda url=url: _get(running, url), goal)
    pages = lambda: list(next(running.client.list_tasks("many").by_page()))  # noqa: E731 - one line
    _print("list 1,000 tasks, with the SDK's own models", pages)
    _print("get_job_task_counts", lambda: running.client.get_job_task_counts("many"))


def _get(running: Emulator, url: str) -> None:
    request = HttpRequest("GET", url, headers={"Accept": "application/json"})
    running.client.send_request(request).raise_for_status()


def against_xargs(count: int) -> None:
    """Run no-op tasks as processes, and the same commands with xargs, which leaves no files.

    A task has two directories and two files, whose cost depends on the file system. So the
    emulator runs once on the disk of temporary files and once in memory. Nothing is deleted in
    between: for some minutes, ext4 skips every deleted inode whenever it allocates a new one.
    """
    places = [Path(tempfile.gettempdir()), *(place for place in [MEMORY] if place.is_dir())]
    with ExitStack() as folders:
        for place in places:
            folder = folders.enter_context(tempfile.TemporaryDirectory(dir=place))
            _share_of_xargs(count, Path(folder))


def _share_of_xargs(count: int, folder: Path) -> None:
    shares = []
    for number in range(RUNS):
        by_xargs = _seconds(lambda: _xargs(count))
        with emulator(folder / str(number), nodes=1) as running:
            by_emulator = _seconds(lambda running=running: _run_all(running, count))
        shares.append(by_xargs / by_emulator)
    share = statistics.median(shares)
    spread = f"{min(shares):.2f}–{max(shares):.2f}"
    console.print(
        f"{count:,} no-op tasks, {SLOTS} at once, data in {folder.parent}: "
        f"{share:.2f}× the speed of xargs -P {SLOTS} ({spread}, n={RUNS}; goal ≥ 0.5×); "
        f"a task's folders and files alone take {_cost_of_files(folder):.0f} µs there"
    )


def _cost_of_files(folder: Path) -> float:
    """Return the microseconds that two directories and two files take."""
    count = 500

    def make() -> None:
        for number in range(count):
            task = folder / "alone" / str(number)
            (task / "wd").mkdir(parents=True)
            for name in ("stdout.txt", "stderr.txt"):
                (task / name).touch()

    return _seconds(make) / count * 1e6


def _run_all(running: Emulator, count: int) -> None:
    _submit(running, "no-op", count, 1)
    client = running.client
    until(lambda: client.get_job_task_counts("no-op").task_counts.completed == count, 600)


def _xargs(count: int) -> None:
    command = ["xargs", "-P", str(SLOTS), "-n", "1", "/bin/true"]
    subprocess.run(command, input="\n".join(map(str, range(count))), text=True, check=True)


def simulating(count: int, nodes: int) -> str:
    """Simulate a job whose tasks take 30 to 90 seconds; return a line of figures."""
    began = time.monotonic()
    with Simulation() as simulation, console.status(f"{count:,} simulated tasks"):
        pool = {"id": "p", "vmSize": "standard_d2s_v5", "targetDedicatedNodes": nodes}
        simulation.create_pool(pool)
        simulation.create_job({"id": "j", "poolInfo": {"poolId": "p"}})
        simulation.add_tasks(
            "j", (simulated_task(f"t{n}", seconds=30 + n * 7919 % 60) for n in range(count))
        )
        simulation.run()
        report = simulation.report("j")
    seconds = time.monotonic() - began
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return (
        f"simulated: {report.succeeded:,} tasks on {nodes:,} nodes, "
        f"{report.makespan_s / 3600:.1f} h of work in {seconds:.0f} s "
        f"({seconds / count * 1e6:.0f} µs per task, {memory:.0f} MiB; goal ≤ 600 s)"
    )


def _print(name: str, action: Callable[[], object], goal: str = "") -> None:
    times = [_seconds(action) * 1000 for _ in range(RUNS)]
    spread = f"{min(times):.1f}–{max(times):.1f}, n={RUNS}"
    console.print(f"{name}: {statistics.median(times):.1f} ms ({spread}) {goal}".rstrip())


def _seconds(action: Callable[[], object]) -> float:
    began = time.monotonic()
    action()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
