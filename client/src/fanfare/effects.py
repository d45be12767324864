"""What a flow asks its transport to do. A flow is a generator: it decides, and does no I/O itself.

So each operation is written once. `Steps` advances a flow; the transports carry the effects out,
one with `httpx.Client`, one with `httpx.AsyncClient`.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fanfare.wire import Request

T = TypeVar("T")


@dataclass(frozen=True)
class Send:
    """Make a request; the outcome is an Answer, or NoAnswer is raised.

    With `sink` the body of a good answer goes there piece by piece, and the Answer has none.
    """

    request: Request
    sink: Callable[[bytes], object] | None = None


@dataclass(frozen=True)
class Token:
    """Get a token for a scope; the outcome is its text."""

    scope: str


@dataclass(frozen=True)
class Sleep:
    """Wait."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """Look at a clock that never goes back, in seconds."""


@dataclass(frozen=True)
class Work:
    """Do something that takes a while, such as reading a file; the outcome is its result."""

    action: Callable[[], object]


@dataclass(frozen=True)
class Emit:
    """Give a value to the caller of a stream, and go on when he asks for the next."""

    value: Any


Effect = Send | Token | Sleep | Now | Work | Emit
Flow = Generator[Effect, Any, T]


class Steps(Generic[T]):
    """A flow on its way: what it wants next, and at last its result."""

    def __init__(self, flow: Flow[T]) -> None:
        self._flow = flow
        self._result: list[T] = []

    def begin(self) -> Effect | None:
        """Return the first effect, or None if the flow is done."""
        return self._next(lambda: self._flow.send(None))

    def go_on(self, outcome: object) -> Effect | None:
        """Hand the outcome of an effect in, and return the next one."""
        return self._next(lambda: self._flow.send(outcome))

    def fail(self, error: Exception) -> Effect | None:
        """Raise the failure of an effect in the flow, and return the next one."""
        return self._next(lambda: self._flow.throw(error))

    @property
    def result(self) -> T:
        """What the flow returned."""
        return self._result[0]

    def close(self) -> None:
        """End the flow where it is."""
        self._flow.close()

    def _next(self, advance: Callable[[], Effect]) -> Effect | None:
        try:
            return advance()
        except StopIteration as end:
            self._result.append(end.value)
            return None
