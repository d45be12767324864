"""One run of one task on one node: preparation, files in, process, files out, verdict."""

import asyncio
from dataclasses import replace
from datetime import datetime

from emulators.batch.agent.client import AgentLost
from emulators.batch.document import Doc, stamp
from emulators.batch.faults import Rule
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.states import NodeState, TaskState
from emulators.batch.model.task import Task
from emulators.batch.scheduler.assign import Assignment
from emulators.batch.scheduler.verdict import Ending, Failure, shall_retry
from emulators.batch.service.context import Context, Requeue, log
from emulators.batch.service.machine import Execution
from emulators.batch.service.nodes.preparation import Preparations
from emulators.batch.service.running.completion import complete_task, settle_disabling
from emulators.batch.service.running.multi_instance import Coordination
from emulators.batch.transfer.identities import TransferFailed
from emulators.batch.transfer.output_files import Upload


class TaskRun:
    """A task on a node until it has a verdict or returns to the queue."""

    def __init__(self, ctx: Context, preparations: Preparations, assignment: Assignment) -> None:
        self._ctx, self._preparations = ctx, preparations
        self._job, self._task, self._node = assignment.job, assignment.task, assignment.node
        self._forced: Ending | Requeue | None = None
        self._others = assignment.others
        self._execution: Execution | None = None
        self._work: asyncio.Task[None] | None = None
        self._settled = False
        self._began: datetime | None = None
        self.over = asyncio.Event()

    def begin(self) -> None:
        """Occupy the slots and start working."""
        job, task, node, now = self._job, self._task, self._node, self._ctx.clock.now()
        key = (job.id, task.id)
        ready = all([self._preparations.begin(job, one) for one in (node, *self._others)])
        task.clear_run()
        task.begin(node.pool_id, node.id, now)
        self._began = now if ready else None
        job.move_task(task, TaskState.RUNNING if ready else TaskState.PREPARING, now)
        for one in (node, *self._others):
            enter_node(self._ctx, one, task)
            self._ctx.machine.note(one, f"Task {job.id}/{task.id} begins")
        self._ctx.runs[key] = self
        self._ctx.keep(task)
        self._work = self._ctx.spawn(self._run(ready), f"task {task.id}")

    def interrupt(self, outcome: Ending | Requeue) -> None:
        """Interrupt the run; the first outcome wins, except that ending overrides requeueing."""
        first = self._forced is None
        if self._settled or not (first or isinstance(self._forced, Requeue)):
            return
        if isinstance(outcome, Ending):
            self._task.condemned = True
            self._ctx.keep(self._task)
        if first or isinstance(outcome, Ending):
            self._forced = outcome
        if first and self._work is not None:
            self._work.cancel()

    async def _run(self, ready: bool) -> None:
        try:
            outcome = await self._attempt(ready)
        except AgentLost:
            outcome = Requeue(counted=False)
        except asyncio.CancelledError:
            if self._forced is None:
                raise
            if self._execution is not None:
                await self._execution.kill()
            outcome = self._forced
        except Exception:  # noqa: BLE001 - logged and told as the failure of the task
            # The boundary of a run: our own defect must not leave the task running forever.
            log.exception("A task could not be carried out", extra={"action": self._task.id})
            outcome = Ending(failure=Failure("Unknown", "The task failed", "servererror"))
        self._settle(outcome)

    async def _attempt(self, ready: bool) -> Ending | Requeue:
        job, task, ctx = self._job, self._task, self._ctx
        if not ready:
            if not await self._preparations.ensure(job, (self._node, *self._others)):
                return Requeue(counted=False)
            self._began = now = ctx.clock.now()
            job.move_task(task, TaskState.RUNNING, now)
            task.execution["startTime"] = stamp(now)
            ctx.keep(task)
        spec = task.spec()
        work = self._gang if spec.get("multiInstanceSettings") else self._process
        ending = await work(spec)
        if ctx.faults.strike("task_rerun", task.id):
            ending = await work(spec)
        if ctx.faults.strike("task_requeue", task.id):
            return Requeue()
        ending = self._final(spec, ending)
        return ending if ending.may_retry else await self._outputs(spec, ending)

    def _final(self, spec: Doc, ending: Ending) -> Ending:
        """Tell whether this was the last attempt; only that uploads its files."""
        allowed = int(spec["constraints"].get("maxTaskRetryCount") or 0)
        again = shall_retry(ending, self._task.execution["retryCount"], allowed)
        return replace(ending, may_retry=again)

    async def _gang(self, spec: Doc) -> Ending:
        """Run the coordination commands, then the task's own; what they left running ends with
        that."""
        nodes = (self._node, *self._others)
        coordination = Coordination(self._ctx, self._job, self._task, nodes)
        try:
            failed = await coordination.run(spec)
            if failed is not None:
                return failed
            settings = coordination.environment(spec)
            left = coordination.time_left(spec["constraints"])
            return await self._process(
                {**spec, "environmentSettings": settings, "constraints": left}
            )
        finally:
            await coordination.kill()

    async def _process(self, spec: Doc) -> Ending:
        directory = self._ctx.folders(self._node).task(self._job.id, self._task.id)
        where = {"job_id": self._job.id, "task_id": self._task.id}
        self._execution = self._ctx.machine.execution(self._node, spec, directory, **where)
        return await self._execution.run()

    async def _outputs(self, spec: Doc, ending: Ending) -> Ending:
        outputs = spec.get("outputFiles")
        if not isinstance(outputs, list) or self._execution is None or ending.phase == "before":
            return ending
        ctx = self._ctx
        order = ctx.faults.strike("output_order", self._task.id)
        try:
            await self._execution.upload(
                outputs,
                succeeded=ending.failure is None,
                arrange=ctx.faults.random.shuffle if order else lambda _: None,
                disturb=lambda upload: self._disturb(upload, order),
            )
        except TransferFailed as error:
            # The failure of the process explains more than the missing files that it causes.
            return replace(ending, failure=ending.failure or error.failure, phase="after")
        return ending

    async def _disturb(self, upload: Upload, order: Rule | None) -> None:
        faults = self._ctx.faults
        if order and order.delay_s:
            await asyncio.sleep(order.delay_s * faults.random.random())
        lost = faults.strike("output_file", upload.name, place=self._job.work)
        if lost:
            await asyncio.sleep(lost.delay_s)
            if lost.code:
                details = {"FilePath": upload.source.name}
                raise TransferFailed(
                    Failure(lost.code, "A file could not be uploaded", "servererror", details)
                )

    def _settle(self, outcome: Ending | Requeue) -> None:
        ctx, job, task, node = self._ctx, self._job, self._task, self._node
        self._settled = True
        if self._began is not None:
            took = (ctx.clock.now() - self._began).total_seconds()
            task.ran(took, self._execution.usage() if self._execution is not None else None)
        if ctx.runs.get((job.id, task.id)) is self:
            del ctx.runs[(job.id, task.id)]
        for one in (node, *self._others):
            told = outcome.told if isinstance(outcome, Ending) else "goes back to the queue"
            ctx.machine.note(one, f"Task {job.id}/{task.id}: {told}")
            leave_node(ctx, one, job.id, task.id, task.slots)
            ctx.wake(one.pool_id, one)
        self.over.set()
        if job.tasks.get(task.id.lower()) is task:
            self._conclude(outcome)
        # The end of a deleted task frees slots too, and its job may wait for it.
        settle_disabling(ctx, job)

    def _conclude(self, outcome: Ending | Requeue) -> None:
        ctx, job, task = self._ctx, self._job, self._task
        if isinstance(outcome, Requeue):
            put_back(ctx, job, task, requeued=outcome.counted, retried=False)
        elif outcome.may_retry and self._forced is None:
            put_back(ctx, job, task, requeued=False, retried=True)
        else:
            if outcome.failure is None:
                self._node.total_succeeded += 1
                ctx.keep(self._node)
            complete_task(ctx, job, task, outcome)


def put_back(ctx: Context, job: Job, task: Task, *, requeued: bool, retried: bool) -> None:
    """Make a task active again, and count why."""
    now = ctx.clock.now()
    task.clear_run()
    if requeued:
        task.execution["requeueCount"] += 1
        task.execution["lastRequeueTime"] = stamp(now)
    if retried:
        task.execution["retryCount"] += 1
        task.execution["lastRetryTime"] = stamp(now)
    task.node_id, task.subtasks = "", ()
    job.move_task(task, TaskState.ACTIVE, now)
    job.enqueue(task)
    ctx.keep(task)


def enter_node(ctx: Context, node: Node, task: Task) -> None:
    """Occupy what a run needs on its node."""
    key = (task.job_id, task.id)
    node.used += task.slots
    node.running["/".join(key)] = key
    node.note_run(*key)
    if node.state is NodeState.IDLE:
        node.move(NodeState.RUNNING, ctx.clock.now())
    ctx.keep(node)


def leave_node(ctx: Context, node: Node, job_id: str, task_id: str, slots: int) -> None:
    """Free what a run occupied on its node."""
    node.used -= slots
    node.running.pop(f"{job_id}/{task_id}", None)
    if node.state is NodeState.RUNNING and not node.running:
        node.move(NodeState.IDLE, ctx.clock.now())
        ctx.keep(node)
    if node.draining and not node.running:
        ctx.drained(node)
