"""Results of tasks: the first result of a generation wins and never changes.

Table `tasks`, partition = run and generation, row = task (`t000012`) or stage program. The one
exception: a result whose outputs never arrived is rejected, and its task gets another execution.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from pipeline.domain.runs import naming
from pipeline.domain.runs.results import TaskResult, TaskState
from pipeline.errors import TransactionConflict
from pipeline.ledger.layout import PROGRESS, RUNS, TASKS, partition
from pipeline.ledger.rows import (
    Unreadable,
    carried_on,
    from_values,
    log_unreadable,
    put,
    readable,
    to_values,
    write,
)
from pipeline.ports.tables import Operation, Remove, Row, Tables, Value

_PER_TRANSACTION = 100
_NEAR = 4  # rows that are read for each one that is wanted, rather than asking for each
_NOBODY, _NOTHING = "!doctor", "fanfare-doctor-looks-whether-it-may"
_LARGEST_COLUMN = 24_000
_TAILS = (800, 200, 80)  # characters; the longest that fits is kept
_LARGEST_TRANSACTION = 1_300_000  # characters of up to 3 bytes; the service accepts 4 MiB


@dataclass(frozen=True)
class HeldTask:
    """A task's result as it was read, with its columns and the ETag of its next change."""

    result: TaskResult
    etag: str | None
    values: Mapping[str, Value]


@dataclass
class Finished:
    """The units that have a result: the results that were recorded now, and units from before."""

    recorded: list[TaskResult] = field(default_factory=list)
    before: list[str] = field(default_factory=list)

    @property
    def units(self) -> list[str]:
        """All of them."""
        return [*(result.unit for result in self.recorded), *self.before]


def finish(tables: Tables, run: str, generation: int, results: Iterable[TaskResult]) -> Finished:
    """Record results of tasks that have none yet, except those of rejected attempts."""
    finished = Finished()
    place = partition(run, generation)
    for group in _grouped(_within_limits(result) for result in results):
        _finish_group(tables, place, group, finished)
    return finished


def _grouped(results: Iterable[TaskResult]) -> Iterator[list[TaskResult]]:
    """Cut results into groups that fit one transaction, by number and by size."""
    group: list[TaskResult] = []
    size = 0
    for result in results:
        more = len(result.model_dump_json())
        if group and (len(group) == _PER_TRANSACTION or size + more > _LARGEST_TRANSACTION):
            yield group
            group, size = [], 0
        group.append(result)
        size += more
    if group:
        yield group


def execute_anew(
    tables: Tables, run: str, generation: int, result: TaskResult, seen: HeldTask | None
) -> None:
    """Record another execution of a task. Raises Conflict if its row changed since it was read."""
    if seen:
        replace(tables, run, generation, result, seen)
    else:
        row = Row(partition(run, generation), result.unit, to_values(result), None)
        write(tables, TASKS, row)


def replace(tables: Tables, run: str, generation: int, result: TaskResult, seen: HeldTask) -> None:
    """Replace what is known of a task. Raises Conflict if its row changed since it was read."""
    values = carried_on(seen.values, seen.result, result)
    write(tables, TASKS, Row(partition(run, generation), result.unit, values, seen.etag))


def find(tables: Tables, run: str, generation: int, unit: str) -> HeldTask | None:
    """Read one task's row, or return None if it does not exist. Raises Unreadable."""
    row = tables.get(TASKS, partition(run, generation), unit)
    return HeldTask(_result(row), row.etag, row.values) if row else None


def results(
    tables: Tables, run: str, generation: int, numbers: range | None = None
) -> Iterator[TaskResult]:
    """Yield the results of the plan's tasks, or of a range of them, in order of their numbers."""
    first, before = "t", "u"
    if numbers is not None:
        first, before = naming.unit_name(numbers.start), naming.unit_name(numbers.stop - 1) + "~"
    return readable(tables.query(TASKS, partition(run, generation), first, before), _result)


def _finish_group(
    tables: Tables, place: str, group: Sequence[TaskResult], finished: Finished
) -> None:
    """Insert a group; after each conflict, handle the row that exists and insert the rest."""
    pending = {result.unit: result for result in group}
    replacing: dict[str, Row] = {}
    while pending:
        operations = [_operation(place, r, replacing.get(r.unit)) for r in pending.values()]
        try:
            tables.transact(TASKS, place, operations)
        except TransactionConflict as conflict:
            unit = list(pending)[conflict.index]
            replacing.pop(unit, None)
            for row in _there(tables, place, pending, unit):
                present = _present(row)
                if present is None or not _stands(present, pending[row.key]):
                    replacing[row.key] = row
                    continue
                del pending[row.key]
                replacing.pop(row.key, None)
                if present.state is TaskState.DONE:
                    finished.before.append(row.key)
        else:
            finished.recorded += pending.values()
            return


def _there(tables: Tables, place: str, units: Collection[str], conflicting: str) -> list[Row]:
    """Read which rows of the units exist; of units that lie far apart only the conflicting one."""
    first, last = min(units), max(units)
    span = (naming.unit_number(last) or 0) - (naming.unit_number(first) or 0)
    if span > _NEAR * len(units):
        row = tables.get(TASKS, place, conflicting)
        return [row] if row else []
    found = tables.query(TASKS, place, first, f"{last}!")
    return [row for row in found if row.key in units]


def _stands(present: TaskResult, result: TaskResult) -> bool:
    """Return whether a row stays: it has a result, or the new result was rejected before."""
    return present.state is TaskState.DONE or present.rejects(result.attempt)


def _operation(place: str, result: TaskResult, row: Row | None) -> Operation:
    present = _present(row) if row else None
    if row is None or present is None:
        return put(Row(place, result.unit, to_values(result), row.etag if row else None))
    # A late receipt of an earlier execution counts; the number of executions must not go down.
    result = result.model_copy(
        update={
            "execution": present.execution,
            "repeats": present.repeats,
            "seconds": present.seconds + result.seconds,
        }
    )
    return put(Row(place, result.unit, carried_on(row.values, present, result), row.etag))


def _present(row: Row) -> TaskResult | None:
    """Read a row; None if it is unreadable: the task's result then replaces it."""
    try:
        return _result(row)
    except Unreadable as error:
        log_unreadable(error)
        return None


def _within_limits(result: TaskResult) -> TaskResult:
    """Leave out what a column cannot hold: tails first, then items, since the receipt has them."""
    if _fits(result):
        return result
    without_tails = _shortened(result, 0)
    if not _fits(without_tails):
        return result.model_copy(update={"items": ()})
    shorter = (_shortened(result, shown) for shown in _TAILS)
    return next((short for short in shorter if _fits(short)), without_tails)


def _fits(result: TaskResult) -> bool:
    return len(result.model_dump_json()) <= _LARGEST_COLUMN


def _shortened(result: TaskResult, shown: int) -> TaskResult:
    """Return a result whose items show so many characters of their tails."""
    items = (item.model_copy(update={"tail": item.tail[:shown]}) for item in result.items)
    return result.model_copy(update={"items": tuple(items)})


def _result(row: Row) -> TaskResult:
    return from_values(TaskResult, row, TASKS)


def forget(tables: Tables, run: str, generations: int, most: int | None = None) -> int:
    """Delete rows of tasks and progress of all generations, at most so many; return how many."""
    deleted = 0
    for generation in range(1, generations + 1):
        for table in (TASKS, PROGRESS):
            left = None if most is None else most - deleted
            deleted += _empty(tables, table, partition(run, generation), left)
    return deleted


def _empty(tables: Tables, table: str, place: str, most: int | None) -> int:
    deleted = 0
    rows = islice(tables.query(table, place), most)
    while keys := [row.key for row in islice(rows, _PER_TRANSACTION)]:
        tables.transact(table, place, [Remove(key) for key in keys])
        deleted += len(keys)
    return deleted


def delete_nothing(tables: Tables) -> None:
    """Delete a row that never exists, to test the caller's rights. Raises the service's error."""
    tables.transact(RUNS, _NOBODY, [Remove(_NOTHING)])
