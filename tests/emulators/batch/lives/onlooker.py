"""Nodes that see every program on them, and notice what no program may do.

Programs are tasks, coordination commands, preparations, releases and start tasks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.document import Doc
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.states import JobState, NodeState
from emulators.batch.scheduler.verdict import Ending
from emulators.batch.service.context import Context
from emulators.batch.service.machines.simulated import SimulatedExecution, simulated_task
from tests.emulators.batch.lives.lives import Nodes, Program

TASK, COORDINATION, PREPARATION, RELEASE, START = "task", "coordination", "prep", "release", "start"
_INFOS = {
    PREPARATION: "jobPreparationTaskExecutionInfo",
    RELEASE: "jobReleaseTaskExecutionInfo",
}
# A node that goes or restarts may let its tasks end first.
_BEARS = READY | {NodeState.REBOOTING, NodeState.REIMAGING, NodeState.DEALLOCATING}
_DIES = _BEARS | {NodeState.LEAVING_POOL, NodeState.PREEMPTED, NodeState.UNUSABLE}
_DYING_S = 4.0


@dataclass(frozen=True, slots=True)
class Seen:
    """One program on one node; `job` distinguishes jobs that had the same id."""

    kind: str
    job: tuple[str, str]
    task: str
    node: str


class Onlooker(Nodes):
    """Knows what runs on every node, and what was prepared and released there."""

    def __init__(self, ctx: Context, began: Callable[[Program], None]) -> None:
        super().__init__(ctx, began)
        self.going: set[Seen] = set()
        self.prepared: dict[tuple[tuple[str, str], str], bool] = {}
        self.tried: set[tuple[tuple[str, str], str]] = set()
        self.released: set[tuple[tuple[str, str], str]] = set()
        for job in ctx.account.jobs.values():
            for node_id, entry in job.per_node.items():
                place = name_of(job), node_id
                self.tried.add(place)
                result = entry.get(_INFOS[PREPARATION], {}).get("result")
                if result:
                    self.prepared[place] = result == "success"
                if entry.get(_INFOS[RELEASE], {}).get("state") == "completed":
                    self.released.add(place)

    def execution(
        self, node: Node, spec: Doc, directory: Path, *, job_id: str = "", task_id: str = ""
    ) -> SimulatedExecution:
        """Watch a program of any kind."""
        job = self.ctx.account.jobs.get(job_id.lower())
        kind = _kind(job, spec, task_id)
        name = name_of(job) if job is not None else (job_id.lower(), "")
        return _Watched(self, spec, Seen(kind, name, task_id.lower(), node.id))

    def furnish(self, node: Node) -> None:
        """Note that a node boots, so that what was prepared there is gone.

        A ready node was only taken over from an earlier process.
        """
        if node.state in READY:
            return
        left = [one for one in self.going if one.node == node.id]
        assert not left, f"{left} go on while their node boots"
        for place in [place for place in self.prepared if place[1] == node.id]:
            del self.prepared[place]
        self.tried = {place for place in self.tried if place[1] != node.id}

    def begins(self, one: Seen) -> None:
        """Check that a program may begin here and now."""
        node = self._node(one)
        assert one not in self.going, f"{one} runs twice"
        if one.kind == START:
            assert node.state is NodeState.WAITING_FOR_START_TASK
        else:
            assert node.state in _BEARS, f"{one} begins on a node that is {node.state}"
            _MAY_BEGIN[one.kind](self, one)
        self.going.add(one)

    def _node(self, one: Seen) -> Node:
        for pool in self.ctx.account.pools.values():
            if one.node in pool.nodes:
                return pool.nodes[one.node]
        raise AssertionError(f"{one} begins on a node that is gone")

    def task_begins(self, one: Seen) -> None:
        """Check that a task runs once at a time, where its job is prepared."""
        job = self.ctx.account.jobs[one.job[0]]
        elsewhere = [seen for seen in self.going if seen.kind == TASK and seen.job == one.job]
        assert one.task not in {seen.task for seen in elsewhere}, f"{one} runs elsewhere"
        self._check_prepared(one, job)
        self.began((one.job[0], one.task))
        self.alive[one.job[0], one.task] += 1

    def coordination_begins(self, one: Seen) -> None:
        """Check that every instance begins where its job is prepared."""
        self._check_prepared(one, self.ctx.account.jobs[one.job[0]])

    def _check_prepared(self, one: Seen, job: Job) -> None:
        preparation = job.spec.get("jobPreparationTask")
        if preparation:
            place = one.job, one.node
            assert place in self.tried, f"{one} begins on a node without preparation"
            if preparation["waitForSuccess"]:
                assert self.prepared.get(place), f"{one} begins on a node that is not prepared"

    def preparation_begins(self, one: Seen) -> None:
        """Check that a node is prepared once for a job, until it boots again."""
        assert (one.job, one.node) not in self.prepared, f"{one} is repeated"
        self.tried.add((one.job, one.node))
        job = self.ctx.account.jobs[one.job[0]]
        assert job.state not in (JobState.TERMINATING, JobState.COMPLETED, JobState.DELETING)

    def release_begins(self, one: Seen) -> None:
        """Check that a node is released once, after everything else of the job there."""
        place = one.job, one.node
        assert place in self.tried, f"{one} begins where nothing was prepared"
        assert place not in self.released, f"{one} is repeated"
        busy = [seen for seen in self.going if (seen.job, seen.node) == place]
        assert not busy, f"{one} begins beside {busy}"
        job = self.ctx.account.jobs[one.job[0]]
        assert job.state in (JobState.TERMINATING, JobState.DELETING)

    def ends(self, one: Seen, ending: Ending | None) -> None:
        """Note how a program ended; None means that it was killed."""
        self.going.discard(one)
        if one.kind == TASK:
            self.alive[one.job[0], one.task] -= 1
        if ending is not None and one.kind == PREPARATION:
            self.prepared[one.job, one.node] = ending.failure is None
        if ending is not None and one.kind == RELEASE:
            self.released.add((one.job, one.node))

    def look(self) -> None:
        """Check that nothing runs where nothing can, or for something that is over."""
        account = self.ctx.account
        nodes = {node.id: node for pool in account.pools.values() for node in pool.nodes.values()}
        for one in self.going:
            assert one.node in nodes, f"{one} goes on, and its node is gone"
            state = nodes[one.node].state
            bears = {*_DIES, NodeState.WAITING_FOR_START_TASK} if one.kind == START else _DIES
            assert state in bears, f"{one} goes on on a node that is {state}"
            job = account.jobs.get(one.job[0])
            if one.kind != START:
                assert job is not None, f"{one} goes on, and its job is gone"
                assert job.state is not JobState.COMPLETED, f"{one} goes on, its job is completed"

    def failed_on(self, job: Job) -> Iterator[str]:
        """Walk over the nodes that a job must not use because its preparation failed there."""
        waits = (job.spec.get("jobPreparationTask") or {}).get("waitForSuccess")
        for (name, node), succeeded in self.prepared.items():
            if name == name_of(job) and waits and not succeeded:
                yield node


class _Watched(SimulatedExecution):
    def __init__(self, onlooker: Onlooker, spec: Doc, seen: Seen) -> None:
        super().__init__(onlooker.ctx, spec)
        self._onlooker, self._seen, self._lives = onlooker, seen, False

    async def run(self, *, lingers: bool = False) -> Ending:
        """Begin if no law forbids it."""
        self._onlooker.begins(self._seen)
        self._lives = True
        ending = await super().run(lingers=lingers)
        self._over(ending)
        return ending

    async def kill(self) -> None:
        """Die slowly."""
        if self._lives and not self._onlooker.is_over:
            await self._onlooker.ctx.clock.sleep(_DYING_S)
        self._over(None)

    def _over(self, ending: Ending | None) -> None:
        if self._lives:
            self._lives = False
            self._onlooker.ends(self._seen, ending)


_MAY_BEGIN = {
    TASK: Onlooker.task_begins,
    COORDINATION: Onlooker.coordination_begins,
    PREPARATION: Onlooker.preparation_begins,
    RELEASE: Onlooker.release_begins,
}


def name_of(job: Job) -> tuple[str, str]:
    """Return what distinguishes a job from a later one with its id."""
    return job.id.lower(), job.created


def _kind(job: Job | None, spec: Doc, task_id: str) -> str:
    if not task_id:
        return START
    for name, kind in (("jobPreparationTask", PREPARATION), ("jobReleaseTask", RELEASE)):
        if job is not None and (job.spec.get(name) or {}).get("id") == task_id:
            return kind
    return TASK if "requiredSlots" in spec else COORDINATION


def errand(seconds: float, exit_code: int = 0, **more: object) -> Doc:
    """Return a start, preparation, release or manager task of some emulated seconds."""
    task = simulated_task("unnamed", seconds=seconds, exit_code=exit_code, **more)
    return {**{key: value for key, value in task.items() if key != "id"}, **more}
