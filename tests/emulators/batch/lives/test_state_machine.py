"""Any action on an account in any order, legal or not; all laws hold at each step and at the
end."""

from collections.abc import Callable
from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from emulators.batch.document import Doc
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.pool import Pool
from emulators.batch.model.states import JobState
from emulators.batch.model.task import Task
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.nodes import life as node_verbs
from emulators.batch.service.pools.resize import remove_nodes, require_usable, stop_resize
from tests.depth import more
from tests.emulators.batch.lives.ledger import Ledger, SeenJob
from tests.emulators.batch.lives.lives import RESTS, Lives, rest
from tests.emulators.batch.lives.task_draws import (
    JOB_BODIES,
    JOBS,
    LEAVING,
    POOLS,
    SIZES,
    STARTS,
    TASKS,
    node_task,
    task_bodies,
)


class Machine(RuleBasedStateMachine):
    """One account, and the ledger of all requests and observations."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.lives = Lives(lambda program: self.ledger.began(program, self.lives.nodes.ctx))

    def ask[T](self, verb: Callable[[Emulator], T]) -> T | None:
        """Make a request; a refusal has a documented code and changes nothing."""
        return self.lives.ask(verb)

    @initialize(slots=st.integers(1, 4), spot=st.integers(0, 2), start=STARTS, body=JOB_BODIES)
    def begin(self, slots: int, spot: int, start: float | None, body: Doc) -> None:
        """Begin with a pool and a job, so that the rules have something to work on."""
        self.create_pool("p", 1, spot, slots, packs=False, start=start)
        self.create_job("j", "p", body)

    # --- pools and nodes

    @rule(
        name=POOLS,
        dedicated=SIZES,
        spot=SIZES,
        slots=st.integers(1, 4),
        packs=st.booleans(),
        start=STARTS,
    )
    def create_pool(
        self, name: str, dedicated: int, spot: int, slots: int, packs: bool, start: float | None
    ) -> None:
        """Create a pool, or find that it exists."""
        body = {
            "id": name,
            "vmSize": "standard_d2s_v5",
            "taskSlotsPerNode": slots,
            "targetDedicatedNodes": dedicated,
            "targetLowPriorityNodes": spot,
            "taskSchedulingPolicy": {"nodeFillType": "pack" if packs else "spread"},
            **({"startTask": {**node_task(start), "waitForSuccess": start > 60}} if start else {}),
        }
        self.ask(lambda emulator: emulator.pools.create(body))

    @rule(name=POOLS, dedicated=SIZES, spot=SIZES, option=LEAVING)
    def resize(self, name: str, dedicated: int, spot: int, option: str) -> None:
        """Give a pool another size."""
        body = {
            "targetDedicatedNodes": dedicated,
            "targetLowPriorityNodes": spot,
            "nodeDeallocationOption": option,
        }
        self.ask(lambda emulator: emulator.pools.resize(_pool(emulator, name), body))

    @rule(name=POOLS)
    def stop_resize(self, name: str) -> None:
        """Stop a resize."""

        def verb(emulator: Emulator) -> None:
            pool = _pool(emulator, name)
            require_usable(pool)
            stop_resize(emulator.ctx, pool)

        self.ask(verb)

    @rule(name=POOLS)
    def delete_pool(self, name: str) -> None:
        """Delete a pool."""
        self.ask(lambda emulator: emulator.pools.delete(_pool(emulator, name)))

    @rule(name=POOLS, at=st.lists(st.integers(0, 5), min_size=1, max_size=2), option=LEAVING)
    def remove_nodes(self, name: str, at: list[int], option: str) -> None:
        """Remove nodes, perhaps the same one twice."""

        def verb(emulator: Emulator) -> None:
            pool = _pool(emulator, name)
            names = [*pool.nodes, "tvmps_unknown"]
            require_usable(pool, steady=True)
            remove_nodes(emulator.ctx, pool, [names[n % len(names)] for n in at], option)

        self.ask(verb)

    @rule(name=POOLS, at=st.integers(0, 5))
    def preempt(self, name: str, at: int) -> None:
        """Preempt a spot node."""

        def verb(emulator: Emulator) -> None:
            pool, node = _node(emulator, name, at)
            if not node.dedicated:
                node_verbs.preempt(emulator.ctx, pool, node)

        self.ask(verb)

    @rule(name=POOLS, at=st.integers(0, 5), option=LEAVING, what=st.sampled_from(RESTS))
    def rest(self, name: str, at: int, option: str, what: str) -> None:
        """Reboot, reimage, deallocate or start a node."""

        def verb(emulator: Emulator) -> None:
            rest(emulator.ctx, *_node(emulator, name, at), what, option)

        self.ask(verb)

    @rule(name=POOLS, at=st.integers(0, 5), to=st.sampled_from(["enabled", "disabled"]))
    def schedule(self, name: str, at: int, to: str) -> None:
        """Allow or forbid new tasks on a node."""
        self.ask(
            lambda emulator: node_verbs.set_scheduling(
                emulator.ctx, _node(emulator, name, at)[1], to
            )
        )

    # --- jobs

    @rule(name=JOBS, pool=POOLS, body=JOB_BODIES)
    def create_job(self, name: str, pool: str, body: Doc) -> None:
        """Create a job."""
        whole = {"id": name, "poolInfo": {"poolId": pool}, **body}
        if self.ask(lambda emulator: emulator.jobs.create(whole)) is not None:
            self.ledger.jobs[name.lower()] = SeenJob()

    @rule(name=JOBS, option=st.sampled_from(["requeue", "terminate", "wait"]))
    def disable_job(self, name: str, option: str) -> None:
        """Disable a job."""
        body = {"disableTasks": option}
        self.ask(lambda emulator: emulator.jobs.disable(_job(emulator, name), body))

    @rule(name=JOBS)
    def enable_job(self, name: str) -> None:
        """Enable a job."""
        self.ask(lambda emulator: emulator.jobs.enable(_job(emulator, name)))

    @rule(name=JOBS)
    def terminate_job(self, name: str) -> None:
        """Terminate a job."""
        self.ask(lambda emulator: emulator.jobs.terminate(_job(emulator, name), {}))

    @rule(name=JOBS)
    def delete_job(self, name: str) -> None:
        """Delete a job."""

        def verb(emulator: Emulator) -> bool:
            emulator.jobs.delete(_job(emulator, name))
            return True

        if self.ask(verb):
            self.ledger.jobs[name.lower()].end = JobState.DELETING

    @rule(name=JOBS, whole=st.booleans(), changes=JOB_BODIES, pool=st.none() | POOLS)
    def update_job(self, name: str, whole: bool, changes: Doc, pool: str | None) -> None:
        """Change a job's priority, its parallel tasks, its pool."""
        body = {key: changes[key] for key in ("priority", "maxParallelTasks")}
        if pool:
            body["poolInfo"] = {"poolId": pool}
        self.ask(lambda emulator: emulator.jobs.update(_job(emulator, name), body, whole=whole))

    # --- tasks

    @rule(name=JOBS, bodies=st.lists(task_bodies(), min_size=1, max_size=4))
    def add_tasks(self, name: str, bodies: list[Doc]) -> None:
        """Add a collection; each of its tasks is accepted or refused."""

        def verb(emulator: Emulator) -> None:
            job = _job(emulator, name)
            results = emulator.tasks.create_many(job, {"value": bodies})
            for body, result in zip(bodies, results, strict=True):
                if result["status"] == "success":
                    self.ledger.added(job, body)

        self.ask(verb)

    @rule(name=JOBS, task=TASKS)
    def terminate_task(self, name: str, task: str) -> None:
        """End a task."""

        def verb(emulator: Emulator) -> bool:
            emulator.tasks.terminate(*_task(emulator, name, task))
            return True

        if self.ask(verb):
            self.ledger.jobs[name.lower()].tasks[task.lower()].is_condemned = True

    @rule(name=JOBS, task=TASKS)
    def delete_task(self, name: str, task: str) -> None:
        """Delete a task."""

        def verb(emulator: Emulator) -> bool:
            emulator.tasks.delete(*_task(emulator, name, task))
            return True

        if self.ask(verb):
            del self.ledger.jobs[name.lower()].tasks[task.lower()]

    @rule(name=JOBS, task=TASKS)
    def reactivate_task(self, name: str, task: str) -> None:
        """Give a failed task another life."""

        def verb(emulator: Emulator) -> bool:
            emulator.tasks.reactivate(*_task(emulator, name, task))
            return True

        if self.ask(verb):
            seen = self.ledger.jobs[name.lower()].tasks[task.lower()]
            seen.is_completed = seen.is_condemned = False

    # --- the world

    @rule(seconds=st.sampled_from([0, 1, 5, 25, 60, 300]))
    def pass_time(self, seconds: float) -> None:
        """Let time pass, and everything settle."""
        self.lives.sim.run_for(timedelta(seconds=seconds))
        self._settled()

    def _settled(self) -> None:
        self.look()
        lives = self.lives
        self.ledger.check_nothing_waits_in_vain(lives.nodes.ctx, lives.nodes)

    @rule(seconds=st.sampled_from([0, 0, 3, 30, 120]), saves=st.none() | st.integers(0, 6))
    def die(self, seconds: float, saves: int | None) -> None:
        """Kill the process and start the next one; its last saves may be lost."""
        self.lives.records.saves_left = saves
        self.lives.sim.run_for(timedelta(seconds=seconds))
        self.lives.kill_and_restart()

    @invariant()
    def look(self) -> None:
        """Check the laws that hold at every moment, as a client sees the account."""
        self.lives.nodes.ctx.save()
        assert not self.lives.failures.seen
        self.ledger.look(self.lives.nodes.ctx, self.lives.nodes)

    def teardown(self) -> None:
        """Let everything come to rest."""
        with self.lives:
            self.lives.sim.run_for(timedelta(hours=3))
            self._settled()
            self.ledger.check_rest(self.lives.nodes.ctx)


def _pool(emulator: Emulator, name: str) -> Pool:
    return emulator.ctx.account.pool(name)


def _node(emulator: Emulator, name: str, at: int) -> tuple[Pool, Node]:
    pool = _pool(emulator, name)
    names = [*pool.nodes, "tvmps_unknown"]
    return pool, pool.node(names[at % len(names)])


def _job(emulator: Emulator, name: str) -> Job:
    return emulator.ctx.account.job(name)


def _task(emulator: Emulator, name: str, task: str) -> tuple[Job, Task]:
    job = _job(emulator, name)
    return job, job.task(task)


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=more(250, 2500),
    stateful_step_count=more(40, 60),
    suppress_health_check=list(HealthCheck),
)
