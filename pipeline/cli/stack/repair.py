"""Mends a local stack that runs: it ends services that hang, and makes subscriptions again.

It looks at the services themselves. What was right at the start may have been deleted since, or may
not answer any more.
"""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import cast

from pipeline.cli.exits import CommandError
from pipeline.cli.stack.calls import call
from pipeline.cli.stack.config import Json
from pipeline.cli.stack.grid import EventGrid
from pipeline.cli.stack.process import LocalStack

# In the order in which they need each other, with what must answer.
_PROBES: Mapping[str, tuple[str, ...]] = {
    "storage": ("endpoint", "blob", "queue", "table"),
    "eventgrid": ("endpoint",),
    "batch": ("endpoint",),
    "functions": ("endpoint",),
}
_RUNS = "/api/runs/none"  # answered by the worker, not by the host alone
_TRIES = 2
_BACK_S, _SAVE_S, _POLL_S = 60.0, 5.0, 0.2
_SERVER_FAULT = 500

type Sleep = Callable[[float], None]


class StackHangs(CommandError):
    """A service does not answer, and the stack does not start it again."""


def revive(stack: LocalStack, sleep: Sleep = time.sleep) -> list[str]:
    """End each service that does not answer, and wait until the stack has started it again.

    Returns the services that it ended. Raises StackHangs.
    """
    _until(lambda: bool(_pids(stack)), "The local stack does not say what runs", sleep)
    return [name for name in _PROBES if name in _pids(stack) and _revived(stack, name, sleep)]


def silent(stack: LocalStack) -> list[str]:
    """Name the services that do not answer, and change nothing."""
    return [name for name in _PROBES if not _answers(stack, name)]


def resubscribe(stack: LocalStack, eventgrid: Mapping[str, Json]) -> list[str]:
    """Create the event subscriptions that are missing or were changed; return their names."""
    grid, made = EventGrid.of(stack), []
    for entry in cast("list[dict[str, Json]]", eventgrid["eventSubscriptions"]):
        topic, name, wanted = str(entry["topic"]), str(entry["name"]), entry["properties"]
        if _has(grid.find(topic, name), wanted):
            continue
        grid.create(topic, name, wanted)
        made.append(name)
    return made


def _revived(stack: LocalStack, name: str, sleep: Sleep) -> bool:
    if any(_answers(stack, name) for _ in range(_TRIES)):
        return False
    hung = _pids(stack).get(name, 0)
    if hung and _is_service(hung, stack.data / name):
        below = _BELOW[name](stack, hung) if name in _BELOW else []
        _send(signal.SIGKILL, hung)
        for pid in below:
            _let_end(pid, sleep)

    def back() -> bool:
        return _pids(stack).get(name, 0) not in (0, hung) and _answers(stack, name)

    _until(back, f"The service {name} does not come back", sleep)
    return True


def _let_end(pid: int, sleep: Sleep) -> None:
    """End a process below a service that is gone.

    One that was stopped wakes, notices that, and saves what it holds; any other has some seconds.
    """
    _send(signal.SIGCONT, pid)
    deadline = time.monotonic() + _SAVE_S
    while _is_there(pid) and time.monotonic() < deadline:
        sleep(_POLL_S)
    _send(signal.SIGKILL, pid)


def _send(what: signal.Signals, pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, what)


def _is_there(pid: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    return False


def _worker(stack: LocalStack, _host: int) -> list[int]:
    """Return the process that runs the app, as its host tells; none if the host is silent."""
    with suppress(OSError, HTTPException):
        _, told = call("GET", f"{_endpoints(stack)['functions']['endpoint']}/health")
        worker = told.get("worker_pid")
        return [worker] if isinstance(worker, int) else []
    return []


def _azurite(_stack: LocalStack, storage: int) -> list[int]:
    """Return the process that holds the ports and the data of Storage."""
    with suppress(OSError):
        listed = Path(f"/proc/{storage}/task/{storage}/children").read_text("utf-8")
        return [int(pid) for pid in listed.split()]
    return []


_BELOW: Mapping[str, Callable[[LocalStack, int], list[int]]] = {
    "storage": _azurite,
    "functions": _worker,
}


def _until(reached: Callable[[], bool], complaint: str, sleep: Sleep) -> None:
    deadline = time.monotonic() + _BACK_S
    while not reached():
        if time.monotonic() > deadline:
            raise StackHangs(f"{complaint} within {_BACK_S:.0f} s.")
        sleep(_POLL_S)


def _answers(stack: LocalStack, name: str) -> bool:
    """Return whether everything that belongs to a service answers, with whatever status."""
    endpoints = _endpoints(stack).get(name, {})
    urls = [f"{endpoints[kind]}/health" for kind in _PROBES[name] if kind in endpoints]
    if not urls or not all(_status(url) for url in urls):
        return False
    if name != "functions":
        return True
    status = _status(f"{endpoints['endpoint']}{_RUNS}", {"x-functions-key": stack.function_key()})
    return 0 < status < _SERVER_FAULT


def _status(url: str, headers: Mapping[str, str] | None = None) -> int:
    """Request a URL; return the status, or 0 without an answer."""
    try:
        return call("GET", url, headers=headers)[0]
    except (OSError, HTTPException):
        return 0


def _has(found: object, wanted: object) -> bool:
    """Return whether all that is wanted is there; the service may add to it."""
    if isinstance(wanted, dict):
        there = isinstance(found, dict)
        return there and all(
            _has(cast("dict[str, Json]", found).get(k), v) for k, v in wanted.items()
        )
    return found == wanted


def _pids(stack: LocalStack) -> dict[str, int]:
    return cast("dict[str, int]", stack.description().get("pids", {}))


def _endpoints(stack: LocalStack) -> dict[str, dict[str, str]]:
    return cast("dict[str, dict[str, str]]", stack.description().get("endpoints", {}))


def _is_service(pid: int, data: Path) -> bool:
    """Return whether a process is the service of this folder: process ids are used again."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
    except OSError:
        return False
    return str(data) in arguments.split("\0")
