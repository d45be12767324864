"""How long the emulated machinery takes: nothing, a
realistic while, or until somebody says tick."""

import asyncio

from emulators.batch.clock import Clock


class Pace:
    """Waits between a resource's states."""

    def __init__(self, timing: str, clock: Clock) -> None:
        self._timing, self._clock = timing, clock
        self._tick = asyncio.Event()

    async def step(self, realistic_s: float) -> None:
        """Wait for the next state; returns at once with immediate timing."""
        if self._timing == "timed":
            await self._clock.sleep(realistic_s)
        elif self._timing == "manual":
            await self._tick.wait()

    def tick(self) -> None:
        """Let everything that waits take one step."""
        old, self._tick = self._tick, asyncio.Event()
        old.set()
