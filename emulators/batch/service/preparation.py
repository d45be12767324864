"""Job preparation before a job's first task on a node, and job release when the job ends there."""

import asyncio
from datetime import timedelta

from emulators.batch.agent.client import AgentLost
from emulators.batch.agent.environment import task_directory
from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.scheduler.verdict import Ending, shall_retry
from emulators.batch.service.context import Context

_PREPARATION, _RELEASE = "jobPreparationTask", "jobReleaseTask"
_INFO = {_PREPARATION: "jobPreparationTaskExecutionInfo", _RELEASE: "jobReleaseTaskExecutionInfo"}


class Preparations:
    """The preparations that run right now, so that several tasks of a job wait for one."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}

    def is_ready(self, job: Job, node: Node) -> bool:
        """Tell whether tasks of the job may start on the node at once."""
        return not job.spec.get(_PREPARATION) or _succeeded(job, node)

    async def ensure(self, job: Job, node: Node) -> bool:
        """Run the preparation unless it has run; False bars the node for the job."""
        key = (job.id, node.id)
        if key not in self._running:
            name = f"preparation of {job.id}"
            self._running[key] = self._ctx.spawn(
                _run_node_task(self._ctx, job, node, _PREPARATION), name
            )
        try:
            # A task that is ended while it waits must not end the preparation of the others.
            await asyncio.shield(self._running[key])
        finally:
            if self._running.get(key) and self._running[key].done():
                del self._running[key]
        if _succeeded(job, node) or not job.spec[_PREPARATION].get("waitForSuccess", True):
            return True
        self._ctx.barred.setdefault(job.id, set()).add(node.id)
        return False


def _succeeded(job: Job, node: Node) -> bool:
    info = job.per_node.get(node.id, {}).get(_INFO[_PREPARATION], {})
    return bool(info.get("result") == "success")


async def release_everywhere(ctx: Context, job: Job) -> None:
    """Run the release task on every node where the preparation ran; its failures stop nothing."""
    if not job.spec.get(_RELEASE):
        return
    pool = ctx.account.pools.get(job.pool_id.lower())
    nodes = [pool.nodes[one] for one in job.per_node if pool and one in pool.nodes] if pool else []
    here = [node for node in nodes if node.state in READY]
    await asyncio.gather(*(_run_node_task(ctx, job, node, _RELEASE) for node in here))


async def _run_node_task(ctx: Context, job: Job, node: Node, which: str) -> None:
    spec = dict(job.spec[which])
    if which == _RELEASE:
        spec["constraints"] = {"maxWallClockTime": spec["maxWallClockTime"]}
    directory = ctx.folders(node).task(job.id, spec["id"])
    info: Doc = {
        "state": "running",
        "retryCount": 0,
        "taskRootDirectory": task_directory(job.id, spec["id"]),
    }
    entry = job.per_node.setdefault(node.id, {"poolId": node.pool_id, "nodeId": node.id})
    entry[_INFO[which]] = info
    allowed = int((spec.get("constraints") or {}).get("maxTaskRetryCount") or 0)
    while True:
        info["startTime"] = stamp(ctx.clock.now())
        ctx.keep(job)
        what = ctx.machine.execution(node, spec, directory, job_id=job.id, task_id=spec["id"])
        try:
            ending = await what.run()
        except AgentLost:
            continue
        except asyncio.CancelledError:
            await what.kill()
            raise
        if not shall_retry(ending, info["retryCount"], allowed):
            break
        info["retryCount"] += 1
        info["lastRetryTime"] = stamp(ctx.clock.now())
    info |= outcome_of(ending, stamp(ctx.clock.now()))
    ctx.keep(job)


def outcome_of(ending: Ending, at: str) -> Doc:
    """Return the execution info of a start, preparation or release task that has ended."""
    shown: Doc = {
        "state": "completed",
        "endTime": at,
        "result": "failure" if ending.failure else "success",
    }
    if ending.exit_code is not None:
        shown["exitCode"] = ending.exit_code
    if ending.failure is not None:
        shown["failureInfo"] = ending.failure.document()
    return shown


def remaining_s(job: Job, ctx: Context, limit_s: float) -> float:
    """Return the seconds until a job's own time limit, which runs from its creation."""
    due = parse_stamp(job.created) + timedelta(seconds=limit_s)
    return max(0.0, (due - ctx.clock.now()).total_seconds())
