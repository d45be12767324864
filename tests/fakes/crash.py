"""Crashes on demand: a named call fails before or after its effect, or is made twice."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, NamedTuple, cast

from pipeline.ports.world import Ports

type When = Literal["before", "after", "twice"]


class Crash(BaseException):
    """The process died here; no error handler may catch it."""


class Call(NamedTuple):
    """One call of a verb: its place among all calls, and among those of its verb (both from 1)."""

    port: str
    verb: str
    number: int
    nth: int


@dataclass
class Injector:
    """Disturbs one call: the `at`-th of all, or the one of (port, verb, n); 0 only records."""

    at: int | tuple[str, str, int] = 0
    when: When = "before"
    error: BaseException = field(default_factory=Crash)
    trace: list[Call] = field(default_factory=list)
    _counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def ports(self, ports: Ports) -> Ports:
        """Wrap every port except the clock; all calls are counted together."""
        names = [f.name for f in fields(Ports) if f.name != "clock"]
        watched: dict[str, Any] = {n: _Watched(self, n, getattr(ports, n)) for n in names}
        return replace(ports, **watched)

    def call(self, port: str, verb: str, made: Callable[[], object]) -> object:
        """Make one call, or fail it."""
        hit = self._record(port, verb)
        if hit and self.when == "before":
            raise self.error
        result = made()
        if hit and self.when == "twice":
            if isinstance(result, Iterator):
                list(result)
            result = made()
        if hit and self.when == "after":
            raise self.error
        return result

    def _record(self, port: str, verb: str) -> bool:
        nth = self._counts[port, verb] = self._counts[port, verb] + 1
        number = len(self.trace) + 1
        self.trace.append(Call(port, verb, number, nth))
        return self.at in (number, (port, verb, nth))


class _Watched:
    """A port whose every call passes the injector."""

    def __init__(self, injector: Injector, name: str, port: object) -> None:
        self._injector, self._name, self._port = injector, name, port

    def __getattr__(self, verb: str) -> Callable[..., object]:
        real = cast("Callable[..., object]", getattr(self._port, verb))

        def call(*args: object, **kwargs: object) -> object:
            # An iterator would be empty the second time.
            given = [list(arg) if hasattr(arg, "__next__") else arg for arg in args]
            return self._injector.call(self._name, verb, lambda: real(*given, **kwargs))

        setattr(self, verb, call)  # the next time it is found without us
        return call
