"""The index of runs: which pipelines ever had one, which runs are active, which came last.

Table `runs`: partition `!pipelines` has one row per pipeline. A pipeline's own partition has
`active:{run}` while the run has no verdict, `t:{inverted time}:{run}` for listings by time, and
`of:{digest of the blob}:{run}` for the runs of one blob.
A row of the index also notes when the sweep last asked for the run's next step.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pipeline.domain.runs import naming
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.decide import FailingStep
from pipeline.errors import Conflict
from pipeline.ledger.layout import RUNS
from pipeline.ledger.rows import prefixed, write
from pipeline.ports.tables import Insert, Operation, Remove, Row, Tables, Value

REGISTRY = "!pipelines"
_ACTIVE, _BY_TIME, _OF_BLOB = "active:", "t:", "of:"
_TIME = re.compile(r"[0-9]{13}")
_AFTER = "t;"  # what follows all keys by time
_ASKED, _DONE, _LOOKED = "asked", "done", "looked"
_FAILURE, _FAILED_AS, _FAILED_AT = "failure", "failed_as", "failed_at"
_FRESH = timedelta(minutes=2)  # the message of a failing step is redelivered within 30 s
_LONGEST = 1000  # characters of an error
_EPOCH = int(naming.inverted_time(datetime.fromtimestamp(0, UTC)))


@dataclass(frozen=True)
class ActiveEntry:
    """The index's row of a run that has no verdict."""

    row: Row

    @property
    def run(self) -> str:
        """The id of the run."""
        return self.row.key.removeprefix(_ACTIVE)

    def asked(self, since: datetime) -> datetime:
        """Return when the sweep last asked for the next step; `since` if it never did."""
        return asked(self.row, since)

    @property
    def seen(self) -> tuple[int, datetime | None]:
        """How many tasks the last sweep saw done, and when a sweep last looked at the run."""
        done, looked = self.row.values.get(_DONE), self.row.values.get(_LOOKED)
        return (
            done if isinstance(done, int) else 0,
            looked if isinstance(looked, datetime) else None,
        )

    def failing(self, since: datetime, now: datetime) -> FailingStep | None:
        """Return the step that keeps failing, if one was noted after `since` and recently."""
        at, text = self.row.values.get(_FAILED_AT), self.row.values.get(_FAILURE)
        if not isinstance(at, datetime) or at < since or now - at > _FRESH:
            return None
        return FailingStep(ObstacleCode(str(self.row.values.get(_FAILED_AS))), str(text))


def register(tables: Tables, pipeline: str, first: Callable[[], object]) -> None:
    """Note that a pipeline has runs; a second call is harmless. Before the first, call `first`."""
    if not is_registered(tables, pipeline):
        first()
        with suppress(Conflict):  # another invocation registered it meanwhile
            write(tables, RUNS, Row(REGISTRY, pipeline, {}))


def is_registered(tables: Tables, pipeline: str) -> bool:
    """Return whether a pipeline ever had a run, as far as the ledger knows."""
    return tables.get(RUNS, REGISTRY, pipeline) is not None


def listed(run: Run) -> Operation:
    """Return the operation that lists a new run by its time."""
    return Insert(Row(run.pipeline, _listed_key(run), {}))


def _listed_key(run: Run) -> str:
    return f"{_BY_TIME}{naming.inverted_time(run.created_at)}:{run.id}"


def keys_of(run: Run) -> Iterator[str]:
    """Yield the keys under which a run that is over may be listed."""
    yield _listed_key(run)
    if run.input:
        yield _of_blob(run.input.container, run.input.name) + run.id


def listed_keys(
    tables: Tables,
    pipeline: str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[str]:
    """Yield the rows that list runs with since <= creation < until, latest first."""
    first = f"{_BY_TIME}{int(naming.inverted_time(until)) + 1:013d}" if until else _BY_TIME
    end = f"{_BY_TIME}{int(naming.inverted_time(since)) + 1:013d}" if since else _AFTER
    for row in tables.query(RUNS, pipeline, first, end):
        yield row.key


def created_at(key: str) -> datetime:
    """Return when the run was created that such a row lists, in whole milliseconds."""
    inverted = int(key.removeprefix(_BY_TIME).partition(":")[0])
    return datetime.fromtimestamp((_EPOCH - inverted) / 1000, UTC)


def found_by_input(run: Run) -> Iterator[Operation]:
    """Yield the operation that lists a new run by its blob, if it has one."""
    if run.input:
        key = _of_blob(run.input.container, run.input.name) + run.id
        yield Insert(Row(run.pipeline, key, {}))


def of_blob(tables: Tables, pipeline: str, container: str, name: str) -> Iterator[str]:
    """Yield the ids of a pipeline's runs of one blob, in whatever version."""
    prefix = _of_blob(container, name)
    for row in prefixed(tables, RUNS, pipeline, prefix):
        yield row.key.removeprefix(prefix)


def _of_blob(container: str, name: str) -> str:
    digest = hashlib.sha256(f"{container}/{name}".encode()).hexdigest()[:32]
    return f"{_OF_BLOB}{digest}:"


def activated(run: Run) -> Operation:
    """Return the operation that lists a run as active."""
    return Insert(Row(run.pipeline, _ACTIVE + run.id, {"since": run.changed_at}))


def deactivated(run: Run) -> Operation:
    """Return the operation that removes a run from the active ones."""
    return Remove(_ACTIVE + run.id)


def pipelines(tables: Tables) -> list[str]:
    """Return the names of all pipelines that ever had a run."""
    return [row.key for row in tables.query(RUNS, REGISTRY)]


def active(tables: Tables) -> Iterator[str]:
    """Yield the ids of all runs without a verdict."""
    for pipeline in pipelines(tables):
        yield from active_of(tables, pipeline)


def active_of(tables: Tables, pipeline: str) -> Iterator[str]:
    """Yield the ids of a pipeline's runs without a verdict."""
    for entry in activity(tables, pipeline):
        yield entry.run


def activity(tables: Tables, pipeline: str) -> Iterator[ActiveEntry]:
    """Yield the index's rows of a pipeline's runs without a verdict."""
    return map(ActiveEntry, prefixed(tables, RUNS, pipeline, _ACTIVE))


def active_entry(tables: Tables, run: Run) -> ActiveEntry | None:
    """Read the index's row of a run; None when the run has its verdict."""
    row = tables.get(RUNS, run.pipeline, _ACTIVE + run.id)
    return ActiveEntry(row) if row else None


def note_failure(tables: Tables, run: Run, step: FailingStep, now: datetime) -> None:
    """Note in a run's row of the index that a step of it keeps failing."""
    entry = active_entry(tables, run)
    if entry is None:
        return
    noted: dict[str, Value] = {
        _FAILURE: step.evidence[:_LONGEST],
        _FAILED_AS: str(step.code),
        _FAILED_AT: now,
    }
    row = entry.row
    with suppress(Conflict):
        written = Row(row.partition, row.key, {**row.values, **noted}, row.etag)
        write(tables, RUNS, written)


def recent(tables: Tables, pipeline: str, after: str = "") -> Iterator[str]:
    """Yield the ids of a pipeline's runs, latest first, or of those after a place in such lists."""
    first = f"{_BY_TIME}{after}\0" if after else _BY_TIME
    for row in tables.query(RUNS, pipeline, first, _AFTER):
        yield row.key.rpartition(":")[2]


def place_of(run: Run) -> str:
    """Return the place of a run in lists by time, of any pipeline: later runs come first."""
    return _listed_key(run).removeprefix(_BY_TIME)


def is_place(text: str) -> bool:
    """Return whether a text is such a place."""
    time, _, run = text.partition(":")
    return bool(_TIME.fullmatch(time)) and naming.pipeline_of(run) is not None


def asked(row: Row, since: datetime) -> datetime:
    """Return when the sweep last asked for the row's work; `since` if it never did."""
    at = row.values.get(_ASKED)
    return max(at, since) if isinstance(at, datetime) else since


def note_asked(tables: Tables, row: Row, now: datetime) -> None:
    """Note in a row that the sweep asked for its work; a row that is gone meanwhile is fine."""
    _note(tables, row, {_ASKED: now})


def note_seen(tables: Tables, entry: ActiveEntry, done: int, looked: datetime) -> ActiveEntry:
    """Note how many tasks of a run are done, and when a sweep last looked at it."""
    return ActiveEntry(_note(tables, entry.row, {_DONE: done, _LOOKED: looked}))


def _note(tables: Tables, row: Row, more: dict[str, Value]) -> Row:
    """Write more into a row, and return it as it is then; a row that changed meanwhile stays."""
    noted = Row(row.partition, row.key, {**row.values, **more}, row.etag)
    with suppress(Conflict):
        return replace(noted, etag=write(tables, RUNS, noted))
    return row
