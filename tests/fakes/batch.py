"""Azure Batch in memory, with nodes that run tasks as a test says."""

from collections.abc import Callable
from dataclasses import replace

from pipeline.adapters.machine.batch import BETWEEN_FORMULAS, MemoryBatch, Outcome
from pipeline.adapters.machine.batch import MemoryJob as FakeJob
from pipeline.adapters.machine.batch import MemoryTask as FakeTask
from pipeline.ports.batch import TaskSpec

__all__ = ["BETWEEN_FORMULAS", "FakeBatch", "FakeJob", "FakeTask", "NodeLost", "Outcome"]


class NodeLost(Exception):
    """The node went away: Batch puts the task back, and what it wrote is gone."""


type Execute = Callable[[TaskSpec], Outcome]


class FakeBatch(MemoryBatch):
    """The Batch account: the jobs port and the cluster port in one object."""

    def run_task(self, job: str, task: str, execute: Execute) -> None:
        """Run a task as Batch would: retries an exit code; active again when the node is lost."""
        spec = self.start_task(job, task)
        outcome = Outcome()
        for _ in range(spec.retries + 1):
            try:
                outcome = execute(spec)
            except NodeLost:
                self.jobs[job].tasks[task].state = "active"
                return
            if outcome.code or outcome.exit_code == 0:
                break
        if outcome.exit_code not in (0, None) and not outcome.code:
            text = "The task exited with an exit code representing a failure"
            outcome = replace(outcome, code="FailureExitCode", category="usererror", message=text)
        if (
            self.jobs[job].tasks[task].state == "running"
        ):  # the task may have been terminated meanwhile
            self.finish_task(job, task, outcome)
