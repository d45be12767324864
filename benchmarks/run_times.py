"""Takes a run's time apart, by what its receipts, Batch and the ledger say of it."""

import json
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmarks import by_hand
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from tests.e2e.local import Stack

JOBS = (naming.SPLIT, "", naming.ASSEMBLE)


@dataclass(frozen=True)
class Task:
    """A task of a run: when Batch started and ended it, and when its attempt did; in seconds."""

    started: float
    began: float
    working: float
    ended: float
    completed: float


@dataclass(frozen=True)
class Times:
    """Where a run's seconds went besides its programs; `start`, `runner` and `upload` are means of
    its tasks."""

    whole: float
    plan: float
    start: float
    runner: float
    upload: float
    assembly: float
    announced: float
    downloaded: int
    uploaded: int


def times_of(stack: Stack, run: Run, uploaded: float, received: float) -> Times:
    """Take apart a run that began with an upload and ended with the arrival of its event."""
    nodes = nodes_of(stack)
    split, items, assemble = (list(_tasks(stack, run, nodes, stage)) for stage in JOBS)
    bytes_ = [by_hand.moved(nodes, run.names.job(0, stage)) for stage in JOBS]
    ended = run.ended_at.timestamp() if run.ended_at else received
    every = [*split, *items, *assemble]
    return Times(
        whole=received - uploaded,
        plan=min(task.started for task in items) - uploaded - sum(task.working for task in split),
        start=statistics.mean(task.began - task.started for task in every),
        runner=statistics.mean(task.ended - task.began - task.working for task in every),
        upload=statistics.mean(task.completed - task.ended for task in every),
        assembly=ended
        - max(task.completed for task in items)
        - sum(task.working for task in assemble),
        announced=received - ended,
        downloaded=sum(down for down, _ in bytes_),
        uploaded=sum(up for _, up in bytes_),
    )


def nodes_of(stack: Stack) -> Path:
    """Return the folder of the emulated nodes."""
    return stack.local.data / "batch/nodes"


def _tasks(stack: Stack, run: Run, nodes: Path, stage: str) -> Iterator[Task]:
    job = run.names.job(0, stage)
    receipts = {
        folder.parent.name: json.loads(receipt.read_bytes())
        for folder in by_hand.task_folders(nodes, job)
        for receipt in folder.glob("r-*.json")
    }
    for end in stack.engine.ports.cluster.ends(job):
        receipt = receipts[end.task]
        began, ended = (
            datetime.fromisoformat(receipt[key]).timestamp() for key in ("started_at", "ended_at")
        )
        working = sum(item["seconds"] for item in receipt["items"])
        started = end.started_at.timestamp() if end.started_at else began
        yield Task(started, began, working, ended, end.ended_at.timestamp())
