"""How long the emulated machinery takes: nothing, a
realistic while, or until somebody says tick."""

import asyncio


class Pace:
    """Waits between a resource's states."""

    def __init__(self, timing: str) -> None:
        self._timing = timing
        self._tick = asyncio.Event()

    async def step(self, realistic_s: float) -> None:
        """Wait for the next state; returns at once with immediate timing."""
        if self._timing == "timed":
            await asyncio.sleep(realistic_s)
        elif self._timing == "manual":
            await self._tick.wait()

    def tick(self) -> None:
        """Let everything that waits take one step."""
        old, self._tick = self._tick, asyncio.Event()
        old.set()
