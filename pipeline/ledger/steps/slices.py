"""Cursors of long steps: how far a step has come, and which invocation may go on with it.

Table `progress`, partition = run and generation, row `slice:{step}`. An invocation takes the
cursor under an owner token, goes on from its place, and advances it; each write needs the ETag of
the last one. The lease is renewed by each write, and expires by itself. `turn` counts the writes,
so that an owner recognises one whose answer was lost.

What a step has so far is in `body`, which is bounded: what grows with the run lies in blobs, under
a digest that the body has.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, ValidationError

from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent, Transient
from pipeline.ledger.layout import PROGRESS, partition
from pipeline.ledger.rows import number, write
from pipeline.ports.tables import Remove, Row, Tables, Value

TERM = timedelta(seconds=60)
MAX_BODY = 32_000  # units of UTF-16, of which one column of a row holds 32,768
_COLUMNS = frozenset({"owner", "until", "position", "body", "finished", "turn"})
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


class LeaseLost(Conflict):
    """Another invocation goes on with this step: what this one did for it does not count."""


class BodyTooLarge(Permanent):
    """A step has more to keep than a row of the ledger holds."""


class CursorUnreadable(Transient):
    """A later release has begun this step, and only its instances can go on with it."""

    def __init__(self, step: "LongStep", error: ValidationError) -> None:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "all of it"
        super().__init__(
            f"The cursor of the step {step.name} of {step.run} cannot be read ({where}: "
            f"{first['msg']}). A later release wrote it, and it is left as it is: deploy that "
            "release again."
        )


@dataclass(frozen=True)
class LongStep:
    """A long step of one generation of a run: `plan`, `gather` and so on."""

    run: str
    generation: int
    name: str

    @classmethod
    def of(cls, run: Run, name: str) -> "LongStep":
        """Name a step of the run's present generation."""
        return cls(run.id, run.generation, name)

    @property
    def partition(self) -> str:
        """The partition of its row."""
        return partition(self.run, self.generation)

    @property
    def key(self) -> str:
        """The key of its row."""
        return f"slice:{self.name}"


@dataclass(frozen=True)
class Cursor:
    """How far a step has come, as its owner holds it; `position` counts whatever the step does.

    `others` are columns of a later release, which stay.
    """

    step: LongStep
    owner: str
    until: datetime
    position: int = 0
    body: str = ""
    finished: bool = False
    turn: int = 0
    etag: str | None = None
    others: Mapping[str, Value] = field(default_factory=dict)

    def content[M: BaseModel](self, kind: type[M]) -> M:
        """Read what the step has so far. Raises CursorUnreadable."""
        try:
            return kind.model_validate_json(self.body)
        except ValidationError as error:
            raise CursorUnreadable(self.step, error) from error

    def noted[M: BaseModel](self, kind: type[M]) -> M | None:
        """Read what the step has so far; None at its beginning. Raises CursorUnreadable."""
        return self.content(kind) if self.body else None


@dataclass(frozen=True)
class Busy:
    """Another invocation goes on with the step; its lease lives until a time."""

    until: datetime


def read(tables: Tables, step: LongStep) -> Cursor | None:
    """Read a cursor without taking it; None before the step began. Raises Unreadable."""
    row = tables.get(PROGRESS, step.partition, step.key)
    return _cursor(step, row) if row else None


def take(tables: Tables, step: LongStep, owner: str, now: datetime) -> Cursor | Busy:
    """Take a step that nobody has, or that this owner has already.

    A finished one is returned as it is: nobody needs it. Raises Unreadable.
    """
    present = read(tables, step)
    if present and present.finished:
        return present
    if present and present.owner != owner and present.until > now:
        return Busy(present.until)
    before = present or Cursor(step, owner, _LONG_AGO)
    try:
        return _write(tables, replace(before, owner=owner, until=now + TERM))
    except LeaseLost:
        present = read(tables, step)
        if present and present.finished:
            return present
        return Busy(present.until if present else now)


def advance(tables: Tables, cursor: Cursor, now: datetime, position: int, body: str) -> Cursor:
    """Record how far the step has come, and keep it for another term. Raises LeaseLost."""
    return _write(tables, replace(cursor, until=now + TERM, position=position, body=body))


def release(tables: Tables, cursor: Cursor, now: datetime) -> Cursor:
    """Let another invocation go on from the cursor at once. Raises LeaseLost."""
    return _write(tables, replace(cursor, owner="", until=now))


def put_down(tables: Tables, cursor: Cursor, now: datetime, position: int, body: str) -> Cursor:
    """Record how far the step has come, and let another invocation go on. Raises LeaseLost.

    It does in one write what `advance` and `release` do in two.
    """
    return _write(tables, replace(cursor, owner="", until=now, position=position, body=body))


def finish(tables: Tables, cursor: Cursor, now: datetime, position: int, body: str) -> Cursor:
    """Record the result of the step: from now on it is what the cursor says. Raises LeaseLost."""
    done = replace(cursor, until=now, position=position, body=body, finished=True)
    return _write(tables, done)


def forget(tables: Tables, step: LongStep) -> None:
    """Delete a cursor that nobody needs any more; a second call is harmless."""
    tables.transact(PROGRESS, step.partition, [Remove(step.key)])


def _write(tables: Tables, cursor: Cursor) -> Cursor:
    if len(cursor.body.encode("utf-16-le")) // 2 > MAX_BODY:
        raise BodyTooLarge(f"LongStep {cursor.step.name} keeps more than {MAX_BODY} characters.")
    step, after = cursor.step, replace(cursor, turn=cursor.turn + 1)
    values: dict[str, Value] = {
        **after.others,
        "owner": after.owner,
        "until": after.until,
        "position": after.position,
        "body": after.body,
        "finished": after.finished,
        "turn": after.turn,
    }
    try:
        etag = write(tables, PROGRESS, Row(step.partition, step.key, values, cursor.etag))
    except Conflict as error:
        present = read(tables, step)
        if present and replace(present, etag=None) == replace(after, etag=None):
            return present  # the answer to this very write was lost
        raise LeaseLost from error
    return replace(after, etag=etag)


def _cursor(step: LongStep, row: Row) -> Cursor:
    until = row.values.get("until")
    return Cursor(
        step,
        str(row.values.get("owner", "")),
        until if isinstance(until, datetime) else _LONG_AGO,
        number(row, "position", PROGRESS),
        str(row.values.get("body", "")),
        row.values.get("finished") is True,
        number(row, "turn", PROGRESS),
        row.etag,
        {name: value for name, value in row.values.items() if name not in _COLUMNS},
    )
