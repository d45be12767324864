"""Processor time by component of a local stack, which other load changes far less than seconds."""

import resource
from collections import Counter
from collections.abc import Callable, Iterator

import psutil
from rich.table import Table

from tests.e2e.local import Stack

NODES, WORKER, SERVER = "runners and programs on nodes", "functions: worker", "storage: Azurite"
_CHILDREN = {"batch": "batch: agent", "functions": WORKER, "storage": SERVER}


def used(stack: Stack) -> Counter[str]:
    """Return the processor seconds of each component so far.

    Those of runners and programs are known when they have ended.
    """
    seconds: Counter[str] = Counter()
    for name, process, is_child in processes(stack):
        times = process.cpu_times()
        seconds[_CHILDREN.get(name, name) if is_child else name] += times.user + times.system
        if is_child and name == "batch":
            seconds[NODES] += times.children_user + times.children_system
    return seconds


def processes(stack: Stack) -> Iterator[tuple[str, psutil.Process, bool]]:
    """Yield each service's process, then those that it keeps; the last entry tells them apart."""
    pids = stack.local.description()["pids"]
    assert isinstance(pids, dict)
    for name, pid in pids.items():
        process = psutil.Process(int(str(pid)))
        yield str(name), process, False
        yield from ((str(name), child, True) for child in process.children())


def of_children(act: Callable[[], None]) -> float:
    """Do something; return the processor seconds of the child processes that it started."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    act()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def table(seconds: Counter[str], tasks: int) -> Table:
    """Show the processor milliseconds of a task by component."""
    made = Table(title="processor time of a task", title_justify="left", box=None)
    made.add_column("component")
    made.add_column("ms", justify="right")
    for name, spent in seconds.most_common():
        made.add_row(name, f"{spent / tasks * 1000:.1f}")
    made.add_row("all", f"{seconds.total() / tasks * 1000:.1f}")
    return made
