"""How long the emulated machinery takes: no time, a realistic time, or until somebody says tick."""

import asyncio
import random
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from emulators.batch.clock import Clock
from emulators.batch.timing import Profile, Span


@dataclass(frozen=True, slots=True, eq=False)
class Waiting:
    """A step that waits for a tick: a phase of the timing profile, and its subject."""

    phase: str
    subject: str
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Pace:
    """Waits between the states of a resource; the same seed draws the same waits."""

    def __init__(self, timing: str, clock: Clock, profile: Profile, seed: int) -> None:
        self._timing, self._clock, self._profile = timing, clock, profile
        self._chance = random.Random(seed)  # noqa: S311 - reproducible, nothing secret
        self._waiting: dict[Waiting, None] = {}

    async def step(self, phase: str, subject: str) -> None:
        """Wait for the next state; returns at once with immediate timing."""
        if self._timing == "timed":
            await self._clock.sleep(self._drawn(self._profile[phase]))
        elif self._timing == "manual":
            await self._turn(Waiting(phase, subject))

    def _drawn(self, span: Span) -> float:
        seconds = self._chance.uniform(span.least_s, span.most_s)
        # Whole seconds, so that tasks that end in the same second of a simulation share a turn of
        # the loop: a million tasks would otherwise take half as long again.
        whole = float(round(seconds))
        return whole if span.least_s <= whole <= span.most_s else seconds

    async def _turn(self, one: Waiting) -> None:
        self._waiting[one] = None
        try:
            await one.over.wait()
        finally:
            self._waiting.pop(one, None)

    def waiting(self) -> list[Waiting]:
        """Return what waits for a tick, the longest first."""
        return list(self._waiting)

    def tick(self, count: int | None = None, phase: str = "*", subject: str = "*") -> list[Waiting]:
        """Release the first few waiting steps that match, or all; return those."""
        released = [
            one
            for one in self._waiting
            if fnmatchcase(one.phase, phase) and fnmatchcase(one.subject, subject)
        ][:count]
        for one in released:
            del self._waiting[one]
            one.over.set()
        return released
