"""The timer trigger: fires on schedule, never twice at once, retries by policy, remembers its
status."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.app.retries import run_with_retries
from emulators.functions.errors import HostError, StartError
from emulators.functions.timer.schedule import Schedule, TimerStatus, after_run, decide_start
from emulators.functions.timespans import Clock
from emulators.functions.worker.wire import Json, json_text

_LOG = logging.getLogger("host.timers")
_LOCK_RETRY_S = 1.0
_LONGEST_WAIT_S = 30.0
_YEAR_1 = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class TimerContext:
    """What all timers of this host share: the clock, and the zone of their schedules."""

    clock: Clock
    zone: ZoneInfo


class TimerListener:
    """Serves one function with a timer trigger."""

    def __init__(
        self, function: Function, folder: Path, invocations: Invocations, context: TimerContext
    ) -> None:
        self._function = function
        self._folder = folder
        self._status_path = folder / f"{function.name}.json"
        self._invocations = invocations
        self._clock = context.clock
        self._log = {"function": function.name}
        self._stop = asyncio.Event()
        self._busy = asyncio.Lock()
        try:
            self._schedule = Schedule(function.trigger.text("schedule"), context.zone)
            self._schedule.next_after(self._clock.now())
            self._monitored = (
                function.trigger.flag("useMonitor", True) and self._schedule.is_monitored
            )
            self._stored()
        except (ValueError, OverflowError) as error:
            raise StartError(
                f"function {function.name}: binding {function.trigger.name}: {error}"
            ) from error

    async def run(self) -> None:
        """Fire until stopped; a lock on a file admits one host at a time."""
        self._folder.mkdir(parents=True, exist_ok=True)
        async with self._singleton():
            if self._stop.is_set():
                return
            status = await self._start()
            while not await self._stopped_before(status.next):
                status = await self._fire(status.next, status, past_due=False)

    async def stop(self, drain_s: float) -> None:
        """Stop firing, and give a running function time to finish and to store its status."""
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._busy.acquire()

    async def _start(self) -> TimerStatus:
        now = self._clock.now()
        decision = decide_start(
            self._schedule, self._stored(), now, self._function.trigger.flag("runOnStartup", False)
        )
        if decision.stored is not None:
            self._store(decision.stored)
        if decision.run_now:
            return await self._fire(now, decision.status, decision.past_due)
        return decision.status

    async def _stopped_before(self, moment: datetime) -> bool:
        while not self._stop.is_set():
            remaining = (moment - self._clock.now()).total_seconds()
            if remaining <= 0:
                return False
            # In slices, to notice a clock that jumps, as when a laptop wakes up.
            await self._stop_or(min(remaining, _LONGEST_WAIT_S))
        return True

    async def _fire(self, planned: datetime, status: TimerStatus, past_due: bool) -> TimerStatus:
        async with self._busy:
            started = self._clock.now()
            call = timer_call(status if self._monitored else None, past_due)
            with contextlib.suppress(HostError):
                await run_with_retries(self._invocations, self._function, call, self._wait)
            following = after_run(self._schedule, planned, started)
            self._store(following)
        return following

    async def _wait(self, seconds: float) -> bool:
        await self._stop_or(self._clock.shorten(seconds))
        return not self._stop.is_set()

    async def _stop_or(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    def _stored(self) -> TimerStatus | None:
        return read_status(self._status_path) if self._monitored else None

    def _store(self, status: TimerStatus) -> None:
        if self._monitored:
            write_status(self._status_path, status)

    @contextlib.asynccontextmanager
    async def _singleton(self) -> AsyncIterator[None]:
        with (self._folder / f"{self._function.name}.lock").open("w") as lock:
            while not self._stop.is_set():
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    _LOG.info("Another host holds this timer", extra=self._log)
                    await self._stop_or(_LOCK_RETRY_S)
            yield


def timer_call(status: TimerStatus | None, past_due: bool) -> Call:
    """Return what a timer passes to its function."""
    described: Json = None if status is None else dict(_described(status))
    data = json_text(
        {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": described, "IsPastDue": past_due}
    )
    return Call("Timer past due." if past_due else "Timer fired.", data)


def read_status(path: Path) -> TimerStatus | None:
    """Read a stored status; return None for a new timer. Raises ValueError if it is damaged."""
    try:
        document = json.loads(path.read_text("utf-8") or "null")
        moments = {name: _moment(value) for name, value in _mapping(document).items()}
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as error:
        raise ValueError(f"the status in {path} cannot be read; remove it to start over") from error
    if "Next" not in moments:
        return None
    return TimerStatus(moments.get("Last"), moments["Next"] or _YEAR_1, moments.get("LastUpdated"))


def _mapping(document: object) -> dict[str, str | None]:
    if document is not None and not isinstance(document, dict):
        raise TypeError("not an object")
    return document or {}


def _moment(value: str | None) -> datetime | None:
    """Return a moment, or None for the year 1; one without an offset is in UTC."""
    moment = datetime.fromisoformat(value) if value is not None else _YEAR_1
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return None if moment == _YEAR_1 else moment


def write_status(path: Path, status: TimerStatus) -> None:
    """Store a status in one step."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(_described(status)), "utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - os.replace says that it is atomic


def _described(status: TimerStatus) -> dict[str, str]:
    return {
        "Last": (status.last or _YEAR_1).isoformat(),
        "Next": status.next.isoformat(),
        "LastUpdated": (status.updated or _YEAR_1).isoformat(),
    }
