"""One emulated account in this process; its time passes as fast as the machine can compute."""

from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import aiohttp

from emulators.batch.clock import Clock
from emulators.batch.document import Doc
from emulators.batch.model.account import Account
from emulators.batch.model.job import Job
from emulators.batch.model.pool import Pool
from emulators.batch.options import Options
from emulators.batch.service.context import Context
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.machine import Machine
from emulators.batch.service.machines.simulated import SimulatedMachine
from emulators.batch.simulation.loop import IdleLoop
from emulators.batch.simulation.report import Observer, Report
from emulators.batch.store import Keeper

_FOREVER = timedelta(days=3650)
_COLLECTION = 100
# Every simulation begins at the same moment, so that equal simulations give equal figures.
_BEGAN = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


class NoTimeLeft(Exception):
    """The simulation reached its time limit before the condition held."""


class Simulation:
    """The service's own model, scheduler and autoscale on a virtual clock.

    It stores nothing unless you pass a store; then a new simulation continues an old one. `machine`
    makes the object that runs programs; `began` is the start in seconds since 1970.
    """

    def __init__(
        self,
        store: Keeper | None = None,
        machine: Callable[[Context], Machine] = SimulatedMachine,
        began: float | None = None,
        **options: Any,  # noqa: ANN401 - whatever Options takes
    ) -> None:
        chosen = {"timing": "timed", "node_quota": 10_000, **options}
        self._loop = IdleLoop()
        self._options = Options(
            account="simulated",
            key="",
            data=Path("/nowhere"),
            simulate=True,
            clock_speed=0,
            **chosen,
        )
        self._emulator, self._observer = self._await(
            self._begin(store or _Nothing(), machine, began)
        )
        self._clock = self._emulator.ctx.clock

    async def _begin(
        self, store: Keeper, machine: Callable[[Context], Machine], began: float | None
    ) -> tuple[Emulator, Observer]:
        ahead_s = store.clock_ahead_s()
        goes_on = bool(ahead_s) and began is None
        clock = Clock(0, ahead_s) if goes_on else Clock(speed=0, began=began or _BEGAN)
        emulator = Emulator(self._options, store, aiohttp.ClientSession(), clock)
        emulator.ctx.machine = machine(emulator.ctx)
        await emulator.start("http://simulated")
        return emulator, Observer(emulator.ctx)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self._await(self._emulator.close())
        self._loop.close()

    @property
    def elapsed_s(self) -> float:
        """Return the emulated seconds since the beginning."""
        return self._clock.seconds() - self._observer.began

    @property
    def seconds(self) -> float:
        """Return the emulated time in seconds since 1970."""
        return self._clock.seconds()

    def create_pool(self, body: Doc) -> Pool:
        """Create a pool from the body of a request."""
        return self._do(lambda: self._emulator.pools.create(body))

    def create_job(self, body: Doc) -> Job:
        """Create a job from the body of a request."""
        return self._do(lambda: self._emulator.jobs.create(body))

    def job(self, job_id: str) -> Job:
        """Return a job with its tasks as they are now."""
        return self._emulator.ctx.account.job(job_id)

    def add_tasks(self, job_id: str, bodies: Iterable[Doc]) -> None:
        """Add tasks from the bodies of requests; raises ValueError if one is refused."""
        job, batch = self._emulator.ctx.account.job(job_id), list[Doc]()
        for body in bodies:
            batch.append(body)
            if len(batch) == _COLLECTION:
                self._add(job, batch)
                batch = []
        self._add(job, batch)

    def _add(self, job: Job, batch: list[Doc]) -> None:
        results = self._do(lambda: self._emulator.tasks.create_many(job, {"value": batch}))
        refused = [one for one in results if one["status"] != "success"]
        if refused:
            raise ValueError(f"Task {refused[0]['taskId']} is refused: {refused[0]['error']}")

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Call `act` once so much emulated time has passed, for example to add more tasks."""
        self._do(lambda: self._clock.after(seconds, lambda: (act(), None)[1]))

    def run(self, until: Callable[[], bool] | None = None, limit: timedelta = _FOREVER) -> None:
        """Let time pass until no task is active or running, or until `until` holds.

        Raises NoTimeLeft if that does not happen within the limit.
        """
        holds = until or self._all_done
        self._await(self._pass(holds, self._clock.seconds() + limit.total_seconds()))

    def run_for(self, time: timedelta) -> None:
        """Let some emulated time pass."""
        goal = self._clock.seconds() + time.total_seconds()
        self._do(lambda: self._clock.after(time.total_seconds(), lambda: None))
        self.run(lambda: self._clock.seconds() >= goal)

    async def _pass(self, holds: Callable[[], bool], limit: float) -> None:
        reached = self._loop.create_future()

        def idle() -> bool:
            due = self._clock.next_due()
            if holds():
                reached.set_result(None)
            elif due is None or due > limit:
                reached.set_exception(NoTimeLeft("Nothing more happens before the limit"))
            else:
                self._clock.jump(due)
            return True

        self._loop.when_idle(lambda: not reached.done() and idle())
        try:
            await reached
        finally:
            self._loop.when_idle(None)

    def _all_done(self) -> bool:
        return all(job.is_done() for job in self._emulator.ctx.account.jobs.values())

    def report(self, job_id: str) -> Report:
        """Return what a job took and what its pool cost."""
        return self._observer.report(self._emulator.ctx.account.job(job_id))

    def do[T](self, verb: Callable[[Emulator], T]) -> T:
        """Run any verb of the service as a request does: save before the answer."""

        def saved() -> T:
            try:
                return verb(self._emulator)
            finally:
                self._emulator.ctx.save()

        return self._do(saved)

    def _do[T](self, verb: Callable[[], T]) -> T:
        async def call() -> T:
            return verb()

        return self._await(call()) if not self._loop.is_running() else verb()

    def _await[T](self, work: Coroutine[None, None, T]) -> T:
        return self._loop.run_until_complete(work)


class _Nothing:
    """A store that keeps nothing, because a simulation need not survive."""

    def load(self) -> Account:
        """Build an empty account."""
        return Account()

    def clock_ahead_s(self) -> float:
        """Begin now."""
        return 0.0

    def save(self, account: Account) -> None:
        """Forget what changed."""
        account.unsaved.clear()

    def close(self) -> None:
        """Hold nothing."""
