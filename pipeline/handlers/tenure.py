"""One invocation's time with a long step: it alone goes on with it, from where the last one was.

The cursor of the step says how far it has come; `ledger/steps/slices.py` explains it.
"""

from collections.abc import Collection, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from typing import Self

from pydantic import BaseModel

from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.engine import Engine
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import Busy, Cursor, LongStep

_RENEWED = timedelta(seconds=20)


class Elsewhere(FanfareError):
    """Another instance does this step, and its lease lives until a time."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until

    @classmethod
    def of(cls, step: LongStep, until: datetime) -> Self:
        """Say which step is done elsewhere, and until when at least."""
        return cls(
            f"Another instance does the step {step.name} of {step.run}: try again after "
            f"{until:%H:%M:%S} UTC.",
            until,
        )


class TimeIsUp(FanfareError):
    """The step goes on in another invocation."""


class Tenure:
    """A long step that this invocation holds. Every write raises LeaseLost if it no longer does.

    A step `within` another one keeps that one, too.
    """

    def __init__(self, engine: Engine, cursor: Cursor, within: "Tenure | None" = None) -> None:
        self._engine, self._cursor, self._renewed = engine, cursor, engine.now
        self._within, self._over = within, False

    @property
    def position(self) -> int:
        """How far the step has come, as it counts itself."""
        return self._cursor.position

    @property
    def body(self) -> str:
        """What the step has so far; "" at its beginning."""
        return self._cursor.body

    def content[M: BaseModel](self, kind: type[M]) -> M:
        """Read what the step has so far. Raises CursorUnreadable."""
        return self._cursor.content(kind)

    def noted[M: BaseModel](self, kind: type[M]) -> M | None:
        """Read what the step has so far; None at its beginning. Raises CursorUnreadable."""
        return self._cursor.noted(kind)

    @property
    def finished(self) -> bool:
        """Whether the step is done; then nobody holds it."""
        return self._cursor.finished

    def note(self, position: int, body: str) -> None:
        """Record how far the step has come, and keep it for another minute."""
        if self._within:
            self._within.renew()
        now = self._engine.now
        self._cursor = slices.advance(self._engine.ports.tables, self._cursor, now, position, body)
        self._renewed = now

    def is_due(self, after: timedelta = _RENEWED) -> bool:
        """Return whether a while has passed since the last write."""
        return self._engine.now - self._renewed >= after

    def renew(self, body: str | None = None, after: timedelta = _RENEWED) -> None:
        """Keep the step where that is due, and record then what it has, if that is given."""
        if self._within:
            self._within.renew()
        if self.is_due(after):
            self.note(self.position, self.body if body is None else body)

    def wait[T](self, begun: Collection[Future[T]]) -> None:
        """Wait for calls, and keep the step meanwhile."""
        while wait(begun, _RENEWED.total_seconds()).not_done:
            self.note(self.position, self.body)

    def put_down(self, position: int, body: str) -> None:
        """Record how far the step has come, and let another invocation go on at once."""
        slices.put_down(self._engine.ports.tables, self._cursor, self._engine.now, position, body)
        self._over = True

    def finish(self, body: str | None = None) -> None:
        """Record that the step is done, with its result, or as it was noted last."""
        tables, now, cursor = self._engine.ports.tables, self._engine.now, self._cursor
        result = cursor.body if body is None else body
        self._cursor = slices.finish(tables, cursor, now, cursor.position, result)

    def forget(self) -> None:
        """Delete the cursor of a step that is done, and leaves nothing to know."""
        slices.forget(self._engine.ports.tables, self._cursor.step)
        self._over = True

    def release(self) -> None:
        """Let another invocation go on at once, unless the step is done."""
        if not (self.finished or self._over):
            with suppress(FanfareError):  # it expires by itself
                slices.release(self._engine.ports.tables, self._cursor, self._engine.now)


@contextmanager
def holding(engine: Engine, run: Run, name: str, within: Tenure | None = None) -> Iterator[Tenure]:
    """Hold a step of a run's generation during a with block. Raises Elsewhere."""
    with holding_step(engine, LongStep.of(run, name), within) as tenure:
        yield tenure


@contextmanager
def holding_step(engine: Engine, step: LongStep, within: Tenure | None = None) -> Iterator[Tenure]:
    """Hold any step during a with block. Raises Elsewhere."""
    taken = slices.take(engine.ports.tables, step, engine.token(), engine.now)
    if isinstance(taken, Busy):
        raise Elsewhere.of(step, taken.until)
    tenure = Tenure(engine, taken, within)
    try:
        yield tenure
    finally:
        tenure.release()
