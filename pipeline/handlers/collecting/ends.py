"""Writes the receipts of tasks without the runner, from what Batch and Storage say of them.

The agent uploads a task's last file after its outputs, and completes the task after its uploads.
So the event of that file asks Batch which tasks have completed, by one filtered list a job.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.failures import cause_of
from pipeline.domain.runs.naming import BlobRef, ReceiptPath
from pipeline.domain.runs.results import (
    MAX_RECEIPT_BYTES,
    ItemOutcome,
    ItemOutput,
    ItemResult,
    Receipt,
    TaskState,
    safe_name,
)
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.domain.waiting.reports import TaskEnd
from pipeline.errors import Conflict, NotFound
from pipeline.handlers import abreast, published
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import executions, reexecution
from pipeline.ledger import tasks

_RECENT = timedelta(minutes=15)  # an event comes within this time after the end of its task
_LISTED = MAX_RECEIPT_BYTES - (16 << 10)  # bytes of a receipt for the list of outputs
_WORDS, _TAIL, _NAME = 3_000, 2_000, 512  # bytes of what a program said last; characters


@dataclass(frozen=True)
class Failed:
    """Why a task without the runner failed."""

    cause: Cause
    why: str


@dataclass(frozen=True)
class Recorded:
    """The receipts that are there now, and the tasks that Batch has not completed."""

    written: frozenset[ReceiptPath]
    open: tuple[str, ...]


def record(engine: Engine, run: Run, paths: Collection[ReceiptPath]) -> Recorded:
    """Write receipts of tasks that announced their end, or let them be executed anew."""
    written, left = set[ReceiptPath](), list[str]()
    for job, mine in sorted(_by_job(run, paths).items()):
        ends = _ends(engine, job, engine.now - _RECENT)
        left += [p.unit for p in mine if p.unit not in ends and not is_done(engine, run, p.unit)]
        written |= _record(engine, run, mine, ends)
    return Recorded(frozenset(written), tuple(left))


def is_done(engine: Engine, run: Run, unit: str) -> bool:
    """Return whether a unit has a result that counts."""
    found = tasks.find(engine.ports.tables, run.id, run.generation, unit)
    return found is not None and found.result.state is TaskState.DONE


def record_unheard(engine: Engine, run: Run, executed: Mapping[str, int]) -> None:
    """Write receipts of tasks that have ended unheard; `executed` is the execution of each unit."""
    paths = [_path(run, unit, execution) for unit, execution in executed.items()]
    for job, mine in sorted(_by_job(run, paths).items()):
        _record(engine, run, mine, _ends(engine, job, None))


def _path(run: Run, unit: str, execution: int) -> ReceiptPath:
    address = run.names.address(unit, execution)
    return ReceiptPath(run.id, run.generation, unit, naming.attempt_of(address), address)


def _by_job(run: Run, paths: Iterable[ReceiptPath]) -> dict[str, list[ReceiptPath]]:
    grouped: dict[str, list[ReceiptPath]] = defaultdict(list)
    for path in paths:
        grouped[run.names.job(path.execution)].append(path)
    return grouped


def _ends(engine: Engine, job: str, since: datetime | None) -> dict[str, TaskEnd]:
    return {end.task: end for end in engine.ports.cluster.ends(job, since)}


def _record(
    engine: Engine, run: Run, paths: Iterable[ReceiptPath], ends: Mapping[str, TaskEnd]
) -> set[ReceiptPath]:
    planned = published.PlannedItems(engine, run.plan)
    ended = [(path, planned.of(path.unit)[0]) for path in paths if path.unit in ends]
    one = partial(_record_one, engine, run)
    done = list(abreast.each(lambda of: one(of[0], of[1], ends[of[0].unit]), ended))
    return {path for (path, _), there in zip(ended, done, strict=True) if there}


def _record_one(engine: Engine, run: Run, path: ReceiptPath, item: int, end: TaskEnd) -> bool:
    """Write the receipt of one execution; return whether it is there, or false if it is over."""
    found = tasks.find(engine.ports.tables, run.id, run.generation, path.unit)
    present = found.result if found else reexecution.unheard(path.unit)
    if present.state is TaskState.DONE or present.execution != path.execution:
        return False
    result = _judged(engine, run, path, item, end)
    cause = result.cause
    if cause and reexecution.execute_anew(engine, run, present, cause, result.tail[-500:]):
        return False
    result = result.model_copy(update={"tries": 1 + len(present.repeats)})
    with suppress(Conflict):  # another invocation wrote the same
        content = _receipt(path, result, end).model_dump_json().encode()
        engine.ports.writer.write(path.blob, content, "*", "application/json")
    return True


def _receipt(path: ReceiptPath, result: ItemResult, end: TaskEnd) -> Receipt:
    began = end.started_at
    return Receipt(
        version=1,
        attempt=path.attempt,
        node=end.node[:128],
        started_at=began.isoformat() if began else "",
        ended_at=end.ended_at.isoformat(),
        seconds=end.seconds,
        items=(result,),
    )


def _judged(engine: Engine, run: Run, path: ReceiptPath, item: int, end: TaskEnd) -> ItemResult:
    """Say how the item ended: by Batch's word, and by the files that are there."""
    ended = _failure(engine, run, end) or _outputs(engine, run, path)
    result = ItemResult(
        id=item, outcome=ItemOutcome.SUCCEEDED, exit_code=end.exit_code, seconds=end.seconds
    )
    if not isinstance(ended, Failed):
        return result.model_copy(update={"outputs": ended})
    tail = f"{_said(engine, run, path).rstrip()}\n{ended.why}".strip()[-_TAIL:]
    failed = {"outcome": ItemOutcome.FAILED, "cause": ended.cause, "tail": tail}
    return result.model_copy(update=failed)


def _failure(engine: Engine, run: Run, end: TaskEnd) -> Failed | None:
    """Return why Batch calls a task failed, or None."""
    if not end.code and end.exit_code == 0:
        return None
    cause = cause_of(end.code, full_time=executions.took_full_time(engine, run, end))
    if cause is Cause.TIMED_OUT:
        return Failed(cause, f"The program was stopped after {end.seconds:.0f} s.")
    if cause is Cause.PROGRAM_FAILED:
        return Failed(cause, f"The program exited with code {end.exit_code}.")
    return Failed(cause, f"{end.code}: {end.message}".strip(": "))


def _outputs(engine: Engine, run: Run, path: ReceiptPath) -> tuple[ItemOutput, ...] | Failed:
    """Read from Storage what an execution wrote, or say why it cannot be used."""
    definition = engine.definition(run)
    limits, folder = definition.limits.outputs, f"{run.names.outputs(path.address)}/"
    found: list[ItemOutput] = []
    size = 0
    for facts in engine.ports.blobs.list(naming.WORK, folder):
        blob = facts.ref.name.removeprefix(folder)
        if blob == naming.KEEP_FILE:
            continue
        name = blob.removeprefix(f"{naming.OUTPUT_FOLDER}/")
        if not safe_name(name) or len(name) > _NAME:
            return Failed(Cause.OUTPUT_UNUSABLE, f"An output has the unusable name {name[:100]!a}.")
        size += facts.size
        found.append(ItemOutput(name=name, blob=blob, size=facts.size))
        if len(found) > limits.files or size > limits.bytes:
            text = f"The outputs exceed {limits.files:,} files or {limits.bytes:,} bytes."
            return Failed(Cause.OUTPUT_UNUSABLE, text)
    if sum(len(output.model_dump_json()) for output in found) > _LISTED:
        return Failed(Cause.OUTPUT_UNUSABLE, "The outputs do not fit one receipt: use fewer files.")
    if not found and definition.task.require_output:
        return Failed(
            Cause.OUTPUT_UNUSABLE,
            f"The program ended well, but wrote no file into {naming.OUTPUT_FOLDER}/.",
        )
    return tuple(found)


def _said(engine: Engine, run: Run, path: ReceiptPath) -> str:
    """Return the last lines that a program printed: its errors, or else its output."""
    for name in ("stderr.txt", "stdout.txt"):
        ref = BlobRef(naming.WORK, f"{run.names.logs(path.address)}/{name}")
        facts = engine.ports.blobs.head(ref)
        if facts and facts.size:
            with suppress(NotFound):
                start = max(0, facts.size - _WORDS)
                text = visible(engine.ports.blobs.read(ref, start, _WORDS).decode(errors="replace"))
                return text.split("\n", 1)[-1] if start else text
    return ""
