"""Compares receipts with what Batch says of their tasks, before a verdict relies on them.

The runner exits with 0 whenever it wrote a receipt, and the agent uploads files only after the
task's process has ended. So a task that exited with another code has no receipt of the runner, and
one that has not completed is being completed, or Batch runs it once more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.failures import cause_of
from pipeline.domain.runs.results import ItemOutcome, ItemResult, TaskResult, TaskState
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.reports import TaskEnd, Unconfirmed
from pipeline.errors import NotYet
from pipeline.handlers.engine import Engine

_NOTHING = Unconfirmed()


@dataclass(frozen=True)
class BatchWord:
    """What Batch says of the tasks of a generation, by execution.

    Of a task without the runner the engine wrote the receipt by Batch's own word.
    """

    executions: Mapping[int, Unconfirmed]
    runner: bool = True

    def contradicts(self, result: TaskResult) -> str:
        """Return Batch's words if they contradict the receipt of a result, or ""."""
        claimed = result.receipt and self.runner
        end = self._of(result).failed.get(result.unit) if claimed else None
        return _words(end) if end and cause_of(end.code) is Cause.PROGRAM_FAILED else ""

    def has_open(self, result: TaskResult) -> bool:
        """Return whether Batch has not completed the execution that left a receipt."""
        counted = result.state is TaskState.DONE and result.receipt
        return bool(counted) and result.unit in self._of(result).open

    def _of(self, result: TaskResult) -> Unconfirmed:
        return self.executions.get(result.execution, _NOTHING)


def batch_word(engine: Engine, run: Run, executions: Iterable[int], stage: str = "") -> BatchWord:
    """Ask Batch once for the job of each execution of a run's tasks, or of one of its stages."""
    ask = engine.ports.cluster.unconfirmed
    runner = bool(stage) or engine.definition(run).task.has_runner
    return BatchWord({number: ask(run.names.job(number, stage)) for number in executions}, runner)


def await_completion(engine: Engine, unfinished: Iterable[TaskResult]) -> None:
    """Wait until Batch has completed tasks that left receipts: it does so after their uploads.

    A task that stays open longer is executed once more by Batch itself, and its receipt counts.
    Raises NotYet.
    """
    for result in unfinished:
        if result.at and engine.now - result.at <= engine.patience.receipt:
            raise NotYet(f"Batch has not completed {result.unit} yet.")


def rejected(item: ItemResult, why: str) -> ItemResult:
    """Turn the claim of a receipt that Batch contradicts into a failure."""
    return item.model_copy(
        update={
            "outcome": ItemOutcome.FAILED,
            "cause": Cause.RECEIPT_INVALID,
            "tail": why,
            "outputs": (),
        }
    )


def _words(end: TaskEnd) -> str:
    code = f" with {end.exit_code}" if end.exit_code is not None else ""
    return f"the task left a receipt, but by Batch it ended{code}: {end.code} {end.message}".strip()
