"""One timer in virtual time: a real listener, and a function that notes its calls."""

import asyncio
import json
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.errors import InvocationFailed
from emulators.functions.timer.listener import TimerContext, TimerListener
from emulators.functions.timespans import Clock
from tests.emulators.functions.golden.moments import utc
from tests.emulators.functions.golden.virtual_time import from_moment, run, seconds


class RecordedTimer:
    """A timer function; seconds count from `beginning`, and the listener starts at `begins_s`."""

    def __init__(
        self, folder, expression, beginning, *, begins_s=0.0, zone=None, takes_s=0.0, fails=False,
        **properties,
    ):  # fmt: skip
        self.beginning = utc(beginning) if isinstance(beginning, str) else beginning
        self.begins_s, self.takes_s, self.fails = begins_s, takes_s, fails
        self.folder = folder / "timers"
        self.status_path = self.folder / "timer.json"
        clock = Clock(now=from_moment(self.moment(begins_s)))
        self.context = TimerContext(clock, zone or ZoneInfo("UTC"))
        found = {"schedule": expression} | {name.lower(): v for name, v in properties.items()}
        self.function = Function("id", "timer", Binding("timer", "timertrigger", found))
        self.runs, self.ends = [], []

    def moment(self, at_s: float) -> datetime:
        return self.beginning + timedelta(seconds=at_s)

    def store(self, status: dict[str, str]) -> None:
        self.folder.mkdir(parents=True)
        self.status_path.write_text(json.dumps(status))

    def stored(self) -> dict[str, str]:
        return json.loads(self.status_path.read_text())

    def seconds_of(self, status: dict[str, str] | None):
        """Return the times of a status as seconds since the beginning; the year 1 is `default`."""
        if status is None:
            return None
        moments = {name: utc(value) for name, value in status.items()}
        return {
            name: "default" if m.year == 1 else (m - self.beginning).total_seconds()
            for name, m in moments.items()
        }

    def listen(self, for_s: float, drain_s: float = 0.0) -> float:
        """Run the listener for some time, then stop it; return how long the stop took."""
        return run(self._listen(for_s, drain_s))

    async def _listen(self, for_s, drain_s):
        listener = TimerListener(self.function, self.folder, self, self.context)
        task = asyncio.create_task(listener.run())
        await asyncio.sleep(for_s)
        called = seconds()
        await listener.stop(drain_s)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return seconds() - called

    async def run(self, _function, call):
        """Stand in for the invocations of a host."""
        self.runs.append({"at_s": self._at_s()} | json.loads(call.data["value"]))
        await asyncio.sleep(self.takes_s)
        self.ends.append(self._at_s())
        if self.fails:
            raise InvocationFailed("failed on purpose")

    def _at_s(self):
        return round(self.begins_s + seconds(), 6)
