"""What people see of a run over HTTP: how far it is, what failed, and what its programs printed.

Logs go through the app, in bounded pieces. The names of their blobs have the addresses of
executions, which only nodes may know, so no URL of a log is signed for a caller.
"""

from pydantic import BaseModel, ConfigDict, Field

from pipeline.domain.runs.causes import Cause
from pipeline.handlers.collecting import standing as standings
from pipeline.handlers.collecting.logs import logs_of, units_of
from pipeline.handlers.doors.http import MAX_GENERATION, Reply, view, whole_number
from pipeline.handlers.engine import Engine
from pipeline.ledger import runs

FAILURES, MAX_FAILURES = 10, 200
LONGEST_TAIL = 500  # characters, as many as the error of a run shows to readers
_LOG_BYTES, _LOGS_BYTES = 1 << 20, 4 << 20


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class FailedItem(_Answer):
    """An item that failed in the present generation, and the unit that it was in."""

    unit: str
    node: str
    id: int
    cause: Cause | None
    exit_code: int | None
    tries: int
    seconds: float
    memory: int
    disk: int
    tail: str = Field(description="The end of what it printed.")


class Progress(_Answer):
    """How far a run is, beside the run itself."""

    done: int = Field(description="Items that are over.")
    items: int = Field(description="Items that the run has, over all generations.")
    failed: int
    node_seconds: float
    peak_memory: int
    peak_disk: int
    remedy: str = Field(description="What to do about a run that failed.")
    failed_items: list[FailedItem] = Field(description="The first ones.")


class Log(_Answer):
    """What one attempt of a unit printed, or the beginning of it."""

    unit: str
    name: str
    text: str
    cut: bool = Field(description="Whether the log is longer.")


class Logs(_Answer):
    """The logs of one unit of a run, or of all."""

    run: str
    generation: int
    logs: list[Log]
    more: bool = Field(description="Whether further logs did not fit the answer: name a unit.")


def show_standing(engine: Engine, run_id: str, failures: str | None = None) -> Reply:
    """Show how far a run is, with its first failed items. Raises NotFound."""
    count = whole_number("failures", failures, FAILURES, 0, MAX_FAILURES)
    where = standings.standing(engine, run_id)
    failed = standings.failed_items(engine, where.run, count) if count else []
    progress = Progress(
        done=where.done,
        items=where.items,
        failed=where.failed,
        node_seconds=where.node_seconds,
        peak_memory=where.peak_memory,
        peak_disk=where.peak_disk,
        remedy=where.remedy,
        failed_items=[_failed(one) for one in failed],
    )
    body = {"run": view(where.run, where.obstacle), **progress.model_dump(mode="json")}
    return Reply(200, body)


def show_logs(
    engine: Engine, run_id: str, unit: str | None = None, generation: str | None = None
) -> Reply:
    """Show what a unit printed, or all units, up to a bound. Raises NotFound."""
    run = runs.need(engine.ports.tables, run_id).run
    number = whole_number("generation", generation, run.generation, 1, MAX_GENERATION)
    wanted = run.model_copy(update={"generation": number})
    found: list[Log] = []
    left = _LOGS_BYTES
    for log in logs_of(engine, wanted, units_of(unit or ""), _LOG_BYTES):
        left -= len(log.text.encode())
        if left < 0:
            break
        found.append(Log(unit=log.unit, name=log.name, text=log.text, cut=log.cut))
    answer = Logs(run=run.id, generation=number, logs=found, more=left < 0)
    return Reply(200, answer.model_dump(mode="json"))


def _failed(one: standings.FailedItem) -> FailedItem:
    known = one.item.model_dump(include={*FailedItem.model_fields})
    known["tail"] = one.item.tail.strip()[-LONGEST_TAIL:]
    return FailedItem(unit=one.unit, node=one.node, **known)
