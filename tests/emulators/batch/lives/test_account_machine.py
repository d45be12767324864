"""Schedules, auto pools, managers, gangs, autoscale, preparation and release in any order, through
any number of lives; at every save, when all has settled, and at the end all holds."""

from collections.abc import Callable
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emulators.batch.document import Doc, stamp
from emulators.batch.errors import STATUS, BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.schedule import Schedule
from emulators.batch.model.states import IllegalMove
from emulators.batch.model.task import Task
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.machines.simulated import simulated_task
from emulators.batch.service.nodes import life as node_verbs
from emulators.batch.service.pools.resize import remove_nodes, require_usable, stop_resize
from tests.emulators.batch.lives.chronicle import Chronicle
from tests.emulators.batch.lives.lives import RESTS, Key, Lives, present, rest
from tests.emulators.batch.lives.onlooker import Onlooker, errand

POOLS = st.sampled_from(["p", "p", "Q"])
JOBS = st.sampled_from(["j", "j", "K"])
SCHEDULES = st.sampled_from(["s", "s", "T"])
TASKS = st.sampled_from(["1", "2", "3", "a", "boss"])
AT = st.integers(0, 5)
LEAVING = st.sampled_from(["requeue", "terminate", "taskcompletion"])
SECONDS = st.sampled_from([5, 60, 400])
LATER = st.sampled_from([1, 5, 20, 60, 100])
LIMITS = st.sampled_from([{}, {}, {"maxTaskRetryCount": 1}, {"maxWallClockTime": "PT30S"}])
FORMULAS = st.sampled_from(
    [
        "$TargetDedicatedNodes=2;",
        "$TargetDedicatedNodes=1;$TargetLowPriorityNodes=1;$NodeDeallocationOption=taskcompletion;",
        "$TargetDedicatedNodes=min(3,$PendingTasks.GetSample(1));",
        "$TargetDedicatedNodes=time().minute/15;",
        "$TargetDedicatedNodes=1/(time().minute%20);",
        "$TargetLowPriorityNodes=min(2,$ActiveTasks.GetSample(1));$TargetDedicatedNodes=0;",
    ]
)
INTERVALS = st.sampled_from(["PT5M", "PT5M", "PT1H"])


@st.composite
def task_bodies(draw: st.DrawFn) -> Doc:
    """Draw a task for one node or for several, which may fail or run out of time."""
    body = simulated_task(
        draw(TASKS),
        seconds=draw(SECONDS),
        exit_code=draw(st.sampled_from([0, 0, 0, 3])),
        constraints=draw(LIMITS),
    )
    instances = draw(st.sampled_from([0, 0, 1, 2, 3]))
    if instances:
        body["multiInstanceSettings"] = {
            "numberOfInstances": instances,
            "coordinationCommandLine": "simulated",
        }
    else:
        body["requiredSlots"] = draw(st.sampled_from([1, 1, 2]))
    return body


@st.composite
def pool_bodies(draw: st.DrawFn) -> Doc:
    """Draw a pool that scales itself, or one of a given size; one for gangs or one with slots."""
    gangs = draw(st.booleans())
    body: Doc = {
        "vmSize": "standard_d2s_v5",
        "taskSlotsPerNode": 1 if gangs else draw(st.integers(1, 4)),
        "enableInterNodeCommunication": gangs,
    }
    start = draw(st.sampled_from([None, None, 10, 120]))
    if start:
        body["startTask"] = errand(start)
    if draw(st.sampled_from([False, False, True])):
        body["enableAutoScale"] = True
        body["autoScaleFormula"] = draw(FORMULAS)
        body["autoScaleEvaluationInterval"] = draw(INTERVALS)
    else:
        body["targetDedicatedNodes"] = draw(st.sampled_from([0, 1, 2, 3, 3]))
        body["targetLowPriorityNodes"] = draw(st.integers(0, 2))
    return body


@st.composite
def pool_infos(draw: st.DrawFn) -> Doc:
    """Draw a pool of the account, or one that comes with its job."""
    if draw(st.booleans()):
        return {"poolId": draw(POOLS)}
    return {
        "autoPoolSpecification": {
            "autoPoolIdPrefix": "auto",
            "poolLifetimeOption": draw(st.sampled_from(["job", "jobschedule"])),
            "keepAlive": draw(st.sampled_from([False, False, True])),
            "pool": draw(pool_bodies()),
        }
    }


@st.composite
def managers(draw: st.DrawFn) -> Doc:
    """Draw a job manager task."""
    return errand(
        draw(SECONDS),
        draw(st.sampled_from([0, 0, 1])),
        id="boss",
        killJobOnCompletion=draw(st.sampled_from([True, True, False])),
        runExclusive=draw(st.booleans()),
        allowLowPriorityNode=draw(st.booleans()),
    )


@st.composite
def preparations(draw: st.DrawFn) -> Doc:
    """Draw a preparation, which may fail."""
    body = errand(draw(st.sampled_from([5, 90])), draw(st.sampled_from([0, 0, 0, 2])))
    return {**body, "waitForSuccess": draw(st.sampled_from([True, True, False]))}


@st.composite
def job_bodies(draw: st.DrawFn) -> Doc:
    """Draw all of a job but its id."""
    body: Doc = {
        "poolInfo": draw(pool_infos()),
        "onAllTasksComplete": draw(st.sampled_from(["noaction"] * 4 + ["terminatejob"])),
        "onTaskFailure": draw(st.sampled_from(["noaction", "performexitoptionsjobaction"])),
    }
    if draw(st.booleans()):
        body["jobManagerTask"] = draw(managers())
    if draw(st.booleans()):
        body["jobPreparationTask"] = draw(preparations())
        if draw(st.booleans()):
            body["jobReleaseTask"] = errand(draw(st.sampled_from([10, 100])))
    if draw(st.booleans()):
        body["constraints"] = {"maxWallClockTime": draw(st.sampled_from(["PT3M", "PT10M"]))}
    return body


MOMENTS = st.sampled_from([None, None, -60, 30, 400, 1200, 4000])
TIMETABLES = st.fixed_dictionaries(
    {
        "doNotRunUntil": MOMENTS,
        "doNotRunAfter": MOMENTS,
        "startWindow": st.sampled_from([None, None, "PT1M", "PT10M"]),
        "recurrenceInterval": st.sampled_from([None, "PT1M", "PT5M", "PT7M", "PT1H"]),
    }
)


class Machine(RuleBasedStateMachine):
    """One account, and the chronicle of what was asked of it and seen in it."""

    def __init__(self) -> None:
        super().__init__()
        self.chronicle = Chronicle(pools={"p", "q"})
        self.lives = Lives(lambda _: None, Onlooker)
        self.lives.records.stored = self.chronicle.saved

    @property
    def nodes(self) -> Onlooker:
        """Return the nodes of the present life."""
        assert isinstance(self.lives.nodes, Onlooker)
        return self.lives.nodes

    @property
    def now(self) -> datetime:
        """Return the emulated moment."""
        return self.lives.nodes.ctx.clock.now()

    def ask[T](self, verb: Callable[[Emulator], T]) -> T | None:
        """Ask for something; what is refused has a documented code and changes nothing."""
        before: dict[Key, str] = {}

        def noted(emulator: Emulator) -> T:
            before.update(present(emulator.ctx.account))
            return verb(emulator)

        try:
            return self.lives.do(noted, refused=lambda account: _same(before, present(account)))
        except BatchError as error:
            assert error.code in STATUS, error.code
            assert 400 <= error.status < 500 or error.code == "TooManyEnableAutoScaleRequests"
        except IllegalMove:
            pass  # The wire answers OperationInvalidForCurrentState.
        finally:
            self.chronicle.edits.clear()
        return None

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
        """Create a pool, or find that it is there."""
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
        """Let a pool scale itself, or scale itself otherwise."""
        body = {"autoScaleFormula": formula, "autoScaleEvaluationInterval": interval}
        self.edit(at, lambda emulator, pool: emulator.pools.enable_autoscale(pool, body))

    @rule(at=AT)
    def disable_autoscale(self, at: int) -> None:
        """Let a pool stay as it is."""
        self.edit(at, lambda emulator, pool: emulator.pools.disable_autoscale(pool))

    def edit(self, at: int, verb: Callable[[Emulator, Pool], None]) -> None:
        """Change a pool as a user does, whose ETag moves."""

        def edited(emulator: Emulator) -> None:
            pool = self.pool(emulator, at)
            old = pool.etag
            self.chronicle.edited(pool.table_key)
            verb(emulator, pool)
            assert pool.etag != old, "a change has left the ETag as it was"

        self.ask(edited)

    @rule(at=AT, formula=FORMULAS)
    def evaluate(self, at: int, formula: str) -> None:
        """Ask what a formula would do, which does nothing."""

        def verb(emulator: Emulator) -> None:
            pool, before = self.pool(emulator, at), present(emulator.ctx.account)
            emulator.pools.evaluate(pool, {"autoScaleFormula": formula})
            _same(before, present(emulator.ctx.account))

        self.ask(verb)

    @rule(at=AT)
    def stop_resize(self, at: int) -> None:
        """Break a resize off."""

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
        """Take a spot node away."""

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

    def timetable(self, table: Doc) -> Doc:
        """Return a timetable whose moments are seconds from now."""
        given = {key: value for key, value in table.items() if value is not None}
        for key in given.keys() & {"doNotRunUntil", "doNotRunAfter"}:
            given[key] = stamp(self.now + timedelta(seconds=given[key]))
        return given

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
        """Add a collection, each of whose tasks is accepted or refused, and let it begin."""

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
        """Let little time pass."""
        self.pass_time(seconds)

    @rule(seconds=st.sampled_from([60, 300, 300, 1000, 3700]))
    def wait_long(self, seconds: float) -> None:
        """Let much time pass."""
        self.pass_time(seconds)

    def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything settle."""
        self.lives.sim.run_for(timedelta(seconds=seconds))
        self._settled()

    def _settled(self) -> None:
        self.look()
        self.chronicle.check_settled(self.nodes.ctx, self.nodes)

    @rule(seconds=st.sampled_from([0, 0, 3, 30, 120]), saves=st.none() | st.integers(0, 6))
    def die(self, seconds: float, saves: int | None) -> None:
        """Kill the process and start the next one; its last saves may not have come about."""
        self.lives.records.saves_left = saves
        self.lives.sim.run_for(timedelta(seconds=seconds))
        before = self.lives.saved()
        self.lives.kill_and_restart()
        self.chronicle.begin_life(before, self.nodes.ctx)

    @invariant()
    def look(self) -> None:
        """Check what holds at every moment, as somebody who asks for it sees it."""
        self.nodes.ctx.save()
        assert not self.lives.failures.seen, self.lives.failures.seen
        self.chronicle.saved(self.nodes.ctx.account)
        self.nodes.look()

    def teardown(self) -> None:
        """Let everything come to rest, then delete all and see that nothing is left."""
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
        """Return a job of the account, by its number; the latest of a schedule are among them."""
        names = [*list(emulator.ctx.account.jobs)[-4:], "unknown"]
        return emulator.ctx.account.job(names[at % len(names)])

    def task(self, emulator: Emulator, at: int, name: str) -> tuple[Job, Task]:
        """Return a task and its job."""
        job = self.job(emulator, at)
        return job, job.task(name)


def _schedule(emulator: Emulator, name: str) -> Schedule:
    return emulator.ctx.account.schedule(name)


def _same(before: dict[Key, str], after: dict[Key, str]) -> None:
    changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert not changed, f"a refused request has changed {changed}"


def _check_empty(nodes: Onlooker) -> None:
    """Check that an account without anything in it holds nothing."""
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


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=40,
    stateful_step_count=100,
    suppress_health_check=list(HealthCheck),
)
