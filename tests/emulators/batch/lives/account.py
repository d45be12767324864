"""A whole account under a state machine: how to ask, watch and end it."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis.stateful import RuleBasedStateMachine, invariant

from emulators.batch.document import Doc, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.task import Task
from emulators.batch.service.emulator import Emulator
from tests.emulators.batch.lives.chronicle import Chronicle
from tests.emulators.batch.lives.lives import Lives
from tests.emulators.batch.lives.onlooker import Onlooker


class AccountMachine(RuleBasedStateMachine):
    """One account, and the chronicle of all requests and observations; subclasses add rules."""

    def __init__(self) -> None:
        super().__init__()
        self.chronicle = Chronicle(pools={"p", "q"})
        self.lives = Lives(lambda _: None, Onlooker)
        self.lives.records.stored = self.chronicle.saved

    @property
    def nodes(self) -> Onlooker:
        """Return the nodes of the present process."""
        assert isinstance(self.lives.nodes, Onlooker)
        return self.lives.nodes

    @property
    def now(self) -> datetime:
        """Return the emulated moment."""
        return self.lives.nodes.ctx.clock.now()

    def ask[T](self, verb: Callable[[Emulator], T]) -> T | None:
        """Make a request; a refusal has a documented code and changes nothing."""
        try:
            return self.lives.ask(verb)
        finally:
            self.chronicle.edits.clear()

    def edit(self, at: int, verb: Callable[[Emulator, Pool], None]) -> None:
        """Change a pool in the way of a user, whose changes move the ETag."""

        def edited(emulator: Emulator) -> None:
            pool = self.pool(emulator, at)
            old = pool.etag
            self.chronicle.edited(pool.table_key)
            verb(emulator, pool)
            assert pool.etag != old, "a change has left the ETag as it was"

        self.ask(edited)

    def timetable(self, table: Doc) -> Doc:
        """Return a timetable whose moments are seconds from now."""
        given = {key: value for key, value in table.items() if value is not None}
        for key in given.keys() & {"doNotRunUntil", "doNotRunAfter"}:
            given[key] = stamp(self.now + timedelta(seconds=given[key]))
        return given

    # --- the world

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything settle."""
        self.lives.sim.run_for(timedelta(seconds=seconds))
        self._settled()

    def _settled(self) -> None:
        self.look()
        self.chronicle.check_settled(self.nodes.ctx, self.nodes)

    @invariant()
    def look(self) -> None:
        """Check the laws that hold at every moment, as a client sees the account."""
        self.nodes.ctx.save()
        assert not self.lives.failures.seen, self.lives.failures.seen
        self.chronicle.saved(self.nodes.ctx.account)
        self.nodes.look()

    def teardown(self) -> None:
        """Let everything come to rest, then delete all and check that nothing is left."""
        with self.lives:
            self.pass_time(1)
            self._stop_schedules()
            self.lives.sim.run_for(timedelta(hours=3))
            self._settled()
            self.chronicle.check_rest(self.nodes.ctx)
            self._delete_everything()
            self.lives.sim.run_for(timedelta(hours=1))
            self.look()
            _check_empty(self.nodes)

    def _stop_schedules(self) -> None:
        for schedule in list(self.nodes.ctx.account.schedules.values()):
            self.ask(lambda emulator, it=schedule: emulator.schedules.disable(it))

    def _delete_everything(self) -> None:
        account = self.nodes.ctx.account
        for schedule in list(account.schedules.values()):
            self.ask(lambda emulator, it=schedule: emulator.schedules.delete(it))
        for job in list(account.jobs.values()):
            self.ask(lambda emulator, it=job: emulator.jobs.delete(it))
        for pool in list(account.pools.values()):
            self.chronicle.taken(pool)
            self.ask(lambda emulator, it=pool: emulator.pools.delete(it))

    # --- who is meant

    def pool(self, emulator: Emulator, at: int) -> Pool:
        """Return a pool of the account, by its number."""
        names = [*emulator.ctx.account.pools, "unknown"]
        return emulator.ctx.account.pool(names[at % len(names)])

    def node(self, emulator: Emulator, at: int, which: int) -> tuple[Pool, Node]:
        """Return a node and its pool, by their numbers."""
        pool = self.pool(emulator, at)
        names = [*pool.nodes, "tvmps_unknown"]
        return pool, pool.node(names[which % len(names)])

    def job(self, emulator: Emulator, at: int) -> Job:
        """Return a job of the account by its number; the latest jobs of schedules are included."""
        names = [*list(emulator.ctx.account.jobs)[-4:], "unknown"]
        return emulator.ctx.account.job(names[at % len(names)])

    def task(self, emulator: Emulator, at: int, name: str) -> tuple[Job, Task]:
        """Return a task and its job."""
        job = self.job(emulator, at)
        return job, job.task(name)


def _check_empty(nodes: Onlooker) -> None:
    """Check that an empty account holds nothing."""
    ctx = nodes.ctx
    account = ctx.account
    assert not account.pools, f"{list(account.pools)} are left"
    assert not account.jobs, f"{list(account.jobs)} are left"
    assert not account.schedules
    assert not ctx.runs
    assert not ctx.node_tasks
    assert not ctx.barred
    assert not ctx.resize_limits
    assert not ctx.samples
    assert not nodes.going
