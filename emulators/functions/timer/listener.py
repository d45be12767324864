"""The timer trigger: fires on schedule, never twice at once, retries by policy, remembers its
status."""

import asyncio
import contextlib
import fcntl
import json
import logging
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError, StartError
from emulators.functions.timer.schedule import Schedule, TimerStatus, after_run, decide_start
from emulators.functions.timespans import Clock
from emulators.functions.worker.wire import Json, Retry, json_text

_LOG = logging.getLogger("host.timers")
_LOCK_RETRY_S = 1.0


class TimerListener:
    """Serves one function with a timer trigger."""

    def __init__(
        self, function: Function, folder: Path, invocations: Invocations, clock: Clock
    ) -> None:
        self._function = function
        self._schedule = _schedule(function)
        self._folder = folder
        self._status_path = folder / f"{function.name}.json"
        self._invocations = invocations
        self._clock = clock
        self._log = {"function": function.name}
        self._stop = asyncio.Event()
        self._busy = asyncio.Lock()
        self._monitored = function.trigger.flag("useMonitor", True) and self._schedule.is_monitored

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
        """Stop firing, and give a running function time to finish."""
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(drain_s):
                await self._busy.acquire()

    async def _start(self) -> TimerStatus:
        now = datetime.now(UTC)
        stored = read_status(self._status_path) if self._monitored else None
        decision = decide_start(
            self._schedule, stored, now, self._function.trigger.flag("runOnStartup", False)
        )
        self._store(decision.status)
        if decision.run_now:
            return await self._fire(now, decision.status, decision.past_due)
        return decision.status

    async def _stopped_before(self, moment: datetime) -> bool:
        while not self._stop.is_set():
            remaining = (moment - datetime.now(UTC)).total_seconds()
            if remaining <= 0:
                return False
            # In slices, to notice a clock that jumps, as when a laptop wakes up.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(remaining, 30.0)):
                    await self._stop.wait()
        return True

    async def _fire(self, occurrence: datetime, status: TimerStatus, past_due: bool) -> TimerStatus:
        async with self._busy:
            await self._run_with_retries(timer_call(status if self._monitored else None, past_due))
        following = after_run(self._schedule, occurrence, datetime.now(UTC))
        self._store(following)
        return following

    async def _run_with_retries(self, call: Call) -> None:
        retry = self._function.retry
        count = 0
        while True:
            limit = retry["max_retry_count"] if retry else 0
            attempt = Call(call.reason, call.data, retry_count=count, max_retry_count=limit)
            try:
                await self._invocations.run(self._function, attempt)
            except HostError:
                if retry is None or (limit >= 0 and count >= limit):
                    return
            else:
                return
            await self._stop_or(self._clock.shorten(retry_delay(retry, count)))
            if self._stop.is_set():
                return
            count += 1

    async def _stop_or(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

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


def _schedule(function: Function) -> Schedule:
    try:
        return Schedule(function.trigger.text("schedule"))
    except ValueError as error:
        raise StartError(
            f"function {function.name}: binding {function.trigger.name}: {error}"
        ) from error


def timer_call(status: TimerStatus | None, past_due: bool) -> Call:
    """Return what a timer passes to its function."""
    described: Json = None
    if status is not None:
        described = {
            "Last": (status.last or datetime(1, 1, 1, tzinfo=UTC)).isoformat(),
            "Next": status.next.isoformat(),
            "LastUpdated": status.updated.isoformat(),
        }
    data = json_text(
        {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": described, "IsPastDue": past_due}
    )
    return Call("Timer past due." if past_due else "Timer fired.", data)


def retry_delay(retry: Retry, count: int) -> float:
    """Return the wait before retry number `count` + 1, in seconds."""
    if retry["strategy"] == "fixed_delay":
        return retry["delay_s"]
    return min(retry["maximum_s"], max(retry["minimum_s"], 1.0) * 2.0 ** min(count, 30))


def read_status(path: Path) -> TimerStatus | None:
    """Read a stored status; return None if the file is missing or damaged, as for a new timer."""
    try:
        document = cast("dict[str, str | None]", json.loads(path.read_text("utf-8")))
        last, following, updated = (document[name] for name in ("Last", "Next", "LastUpdated"))
        if following is None or updated is None:
            return None
        return TimerStatus(
            datetime.fromisoformat(last) if last else None,
            datetime.fromisoformat(following),
            datetime.fromisoformat(updated),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        _LOG.warning(
            "A timer's status is unreadable and starts over",
            extra={"path": str(path), "error": str(error)},
        )
        return None


def write_status(path: Path, status: TimerStatus) -> None:
    """Store a status in one step."""
    document = {
        "Last": status.last.isoformat() if status.last else None,
        "Next": status.next.isoformat(),
        "LastUpdated": status.updated.isoformat(),
    }
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(document), "utf-8")
    os.replace(fresh, path)  # noqa: PTH105 - os.replace says that it is atomic
