"""Schedules, auto pools, managers, multi-instance tasks, autoscale, preparation and release in any
order.

All laws hold through any number of processes: at every save, when all has settled, and at the end.
"""

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from emulators.batch.document import Doc
from emulators.batch.model.schedule import Schedule
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.nodes import life as node_verbs
from emulators.batch.service.pools.resize import remove_nodes, require_usable, stop_resize
from tests.depth import more
from tests.emulators.batch.lives.account import AccountMachine
from tests.emulators.batch.lives.account_draws import (
    AT,
    FORMULAS,
    INTERVALS,
    JOBS,
    LATER,
    LEAVING,
    POOLS,
    SCHEDULES,
    TASKS,
    TIMETABLES,
    job_bodies,
    pool_bodies,
    task_bodies,
)
from tests.emulators.batch.lives.lives import RESTS, check_same, present, rest


class Machine(AccountMachine):
    """All actions on the account."""

    @initialize(body=pool_bodies(), job=job_bodies(), table=TIMETABLES, made=job_bodies())
    def begin(self, body: Doc, job: Doc, table: Doc, made: Doc) -> None:
        """Begin with a pool, a job and a schedule, so that there is something to do."""
        self.create_pool("p", body)
        self.create_job("j", job)
        self.create_schedule("s", table, made)
        self.pass_time(60)

    # --- pools and nodes

    @rule(name=POOLS, body=pool_bodies())
    def create_pool(self, name: str, body: Doc) -> None:
        """Create a pool, or find that it exists."""
        self.ask(lambda emulator: emulator.pools.create({**body, "id": name}))

    @rule(at=AT, dedicated=st.integers(0, 3), spot=st.integers(0, 2), option=LEAVING)
    def resize(self, at: int, dedicated: int, spot: int, option: str) -> None:
        """Give a pool another size."""
        body = {
            "targetDedicatedNodes": dedicated,
            "targetLowPriorityNodes": spot,
            "nodeDeallocationOption": option,
        }
        self.edit(at, lambda emulator, pool: emulator.pools.resize(pool, body))

    @rule(at=AT, formula=st.none() | FORMULAS, interval=st.none() | INTERVALS)
    def enable_autoscale(self, at: int, formula: str | None, interval: str | None) -> None:
        """Enable autoscale of a pool, or change its formula."""
        body = {"autoScaleFormula": formula, "autoScaleEvaluationInterval": interval}
        self.edit(at, lambda emulator, pool: emulator.pools.enable_autoscale(pool, body))

    @rule(at=AT)
    def disable_autoscale(self, at: int) -> None:
        """Disable autoscale of a pool."""
        self.edit(at, lambda emulator, pool: emulator.pools.disable_autoscale(pool))

    @rule(at=AT, formula=FORMULAS)
    def evaluate(self, at: int, formula: str) -> None:
        """Ask what a formula would do, which changes nothing."""

        def verb(emulator: Emulator) -> None:
            pool, before = self.pool(emulator, at), present(emulator.ctx.account)
            emulator.pools.evaluate(pool, {"autoScaleFormula": formula})
            check_same(before, present(emulator.ctx.account))

        self.ask(verb)

    @rule(at=AT)
    def stop_resize(self, at: int) -> None:
        """Stop a resize."""

        def verb(emulator: Emulator) -> None:
            pool = self.pool(emulator, at)
            require_usable(pool)
            stop_resize(emulator.ctx, pool)
            self.chronicle.set_targets(pool)

        self.ask(verb)

    def delete_pool(self, at: int) -> None:
        """Delete a pool."""

        def verb(emulator: Emulator) -> None:
            pool = self.pool(emulator, at)
            require_usable(pool)
            self.chronicle.taken(pool)
            emulator.pools.delete(pool)

        self.ask(verb)

    @rule(at=AT, which=st.lists(AT, min_size=1, max_size=2), option=LEAVING)
    def remove_nodes(self, at: int, which: list[int], option: str) -> None:
        """Remove nodes."""

        def verb(emulator: Emulator) -> None:
            pool = self.pool(emulator, at)
            names = [*pool.nodes, "tvmps_unknown"]
            require_usable(pool, steady=True)
            remove_nodes(emulator.ctx, pool, [names[n % len(names)] for n in which], option)
            self.chronicle.set_targets(pool)

        self.ask(verb)

    @rule(at=AT, node=AT)
    def preempt(self, at: int, node: int) -> None:
        """Preempt a spot node."""

        def verb(emulator: Emulator) -> None:
            pool, taken = self.node(emulator, at, node)
            if not taken.dedicated:
                node_verbs.preempt(emulator.ctx, pool, taken)

        self.ask(verb)

    @rule(at=AT, node=AT, option=LEAVING, what=st.sampled_from(RESTS))
    def rest(self, at: int, node: int, option: str, what: str) -> None:
        """Reboot, reimage, deallocate or start a node."""

        def verb(emulator: Emulator) -> None:
            pool, one = self.node(emulator, at, node)
            rest(emulator.ctx, pool, one, what, option)

        self.ask(verb)

    @rule(at=AT, node=AT, to=st.sampled_from(["enabled", "disabled"]))
    def schedule_on(self, at: int, node: int, to: str) -> None:
        """Allow or forbid new tasks on a node."""
        self.ask(
            lambda emulator: node_verbs.set_scheduling(
                emulator.ctx, self.node(emulator, at, node)[1], to
            )
        )

    # --- schedules

    @rule(name=SCHEDULES, table=TIMETABLES, job=job_bodies())
    def create_schedule(self, name: str, table: Doc, job: Doc) -> None:
        """Create a job schedule."""
        body = {"id": name, "schedule": self.timetable(table), "jobSpecification": job}
        self.ask(lambda emulator: emulator.schedules.create(body))

    @rule(name=SCHEDULES, table=st.none() | TIMETABLES, job=st.none() | job_bodies())
    def update_schedule(self, name: str, table: Doc | None, job: Doc | None) -> None:
        """Change a job schedule."""
        body = {"schedule": table and self.timetable(table), "jobSpecification": job}

        def verb(emulator: Emulator) -> None:
            schedule = _schedule(emulator, name)
            self.chronicle.edited(schedule.table_key)
            old = schedule.etag
            emulator.schedules.update(schedule, body, whole=False)
            assert schedule.etag != old, "a change has left the ETag as it was"

        self.ask(verb)

    @rule(name=SCHEDULES, what=st.sampled_from(["enable", "disable", "terminate", "delete"]))
    def steer_schedule(self, name: str, what: str) -> None:
        """Enable, disable, terminate or delete a job schedule."""
        self.ask(lambda emulator: getattr(emulator.schedules, what)(_schedule(emulator, name)))

    # --- jobs

    @rule(name=JOBS, body=job_bodies())
    def create_job(self, name: str, body: Doc) -> None:
        """Create a job."""
        self.ask(lambda emulator: emulator.jobs.create({"id": name, **body}))

    @rule(at=AT, option=st.sampled_from(["requeue", "terminate", "wait"]))
    def disable_job(self, at: int, option: str) -> None:
        """Disable a job."""
        body = {"disableTasks": option}
        self.ask(lambda emulator: emulator.jobs.disable(self.job(emulator, at), body))

    @rule(at=AT)
    def enable_job(self, at: int) -> None:
        """Enable a job."""
        self.ask(lambda emulator: emulator.jobs.enable(self.job(emulator, at)))

    @rule(at=AT)
    def terminate_job(self, at: int) -> None:
        """Terminate a job."""
        self.ask(lambda emulator: emulator.jobs.terminate(self.job(emulator, at), {}))

    @rule(at=AT, name=TASKS, what=st.sampled_from(["pool", "job", "task", "task"]))
    def delete(self, at: int, name: str, what: str) -> None:
        """Delete a pool, a job or a task."""
        match what:
            case "pool":
                self.delete_pool(at)
            case "job":
                self.ask(lambda emulator: emulator.jobs.delete(self.job(emulator, at)))
            case _:
                self.delete_task(at, name)

    @rule(at=AT, changes=job_bodies(), moves=st.booleans(), whole=st.booleans())
    def update_job(self, at: int, changes: Doc, moves: bool, whole: bool) -> None:
        """Change a job's end, its limit, its pool."""
        names = ("constraints", "onAllTasksComplete", *(["poolInfo"] if moves else []))
        body = {key: changes[key] for key in names if key in changes}

        def verb(emulator: Emulator) -> None:
            job = self.job(emulator, at)
            self.chronicle.edited(job.table_key)
            emulator.jobs.update(job, body, whole=whole)

        self.ask(verb)

    # --- tasks

    @rule(at=AT, bodies=st.lists(task_bodies(), min_size=1, max_size=4), seconds=LATER)
    def work(self, at: int, bodies: list[Doc], seconds: float) -> None:
        """Add a collection, whose tasks are each accepted or refused, and let it begin."""

        def verb(emulator: Emulator) -> None:
            job = self.job(emulator, at)
            results = emulator.tasks.create_many(job, {"value": bodies})
            done = {one["taskId"].lower() for one in results if one["status"] == "success"}
            self.chronicle.jobs[job.id.lower()].tasks |= done

        self.ask(verb)
        self.pass_time(seconds)

    @rule(at=AT, name=TASKS)
    def terminate_task(self, at: int, name: str) -> None:
        """End a task."""
        self.ask(lambda emulator: emulator.tasks.terminate(*self.task(emulator, at, name)))

    def delete_task(self, at: int, name: str) -> None:
        """Delete a task."""

        def verb(emulator: Emulator) -> None:
            job, task = self.task(emulator, at, name)
            emulator.tasks.delete(job, task)
            seen = self.chronicle.jobs[job.id.lower()]
            seen.tasks.discard(task.id.lower())
            seen.final.pop(task.id.lower(), None)
            self.chronicle.tags.pop(task.table_key, None)

        self.ask(verb)

    @rule(at=AT, name=TASKS)
    def reactivate_task(self, at: int, name: str) -> None:
        """Give a failed task another life."""

        def verb(emulator: Emulator) -> None:
            job, task = self.task(emulator, at, name)
            self.chronicle.edited(task.table_key)
            emulator.tasks.reactivate(job, task)
            self.chronicle.jobs[job.id.lower()].final.pop(task.id.lower(), None)

        self.ask(verb)

    # --- the world

    @rule(seconds=LATER)
    def wait(self, seconds: float) -> None:
        """Let a little time pass."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([60, 300, 300, 1000, 3700]))
    def wait_long(self, seconds: float) -> None:
        """Let much time pass."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([0, 0, 3, 30, 120]), saves=st.none() | st.integers(0, 6))
    def die(self, seconds: float, saves: int | None) -> None:
        """Kill the process and start the next one; its last saves may be lost."""
        self.lives.records.saves_left = saves
        self.lives.sim.run_for(timedelta(seconds=seconds))
        before = self.lives.saved()
        self.lives.kill_and_restart()
        self.chronicle.begin_life(before, self.nodes.ctx)


def _schedule(emulator: Emulator, name: str) -> Schedule:
    return emulator.ctx.account.schedule(name)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=more(40, 400),
    stateful_step_count=more(100, 150),
    suppress_health_check=list(HealthCheck),
)
