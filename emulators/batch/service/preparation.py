"""Job preparation before a job's first task on a node, and job release when the job ends there."""

import asyncio
from datetime import timedelta

from emulators.batch.agent.client import AgentLost
from emulators.batch.agent.environment import task_directory
from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.states import JobState
from emulators.batch.scheduler.verdict import Ending, ended_by_user, shall_retry
from emulators.batch.service.context import Context

_PREPARATION, _RELEASE = "jobPreparationTask", "jobReleaseTask"
_INFO = {_PREPARATION: "jobPreparationTaskExecutionInfo", _RELEASE: "jobReleaseTaskExecutionInfo"}

_ENDS_PREPARATIONS = frozenset({JobState.TERMINATING, JobState.DELETING})


class Preparations:
    """Lets several tasks of a job wait for one preparation of their node."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def is_ready(self, job: Job, node: Node) -> bool:
        """Tell whether tasks of the job may start on the node at once."""
        return not job.spec.get(_PREPARATION) or _succeeded(job, node)

    async def ensure(self, job: Job, node: Node) -> bool:
        """Run the preparation unless it has run; False bars the node for the job."""
        # A task that is ended while it waits must not end the preparation of the others.
        await asyncio.shield(_only_run(self._ctx, job, node, _PREPARATION))
        if _succeeded(job, node) or not job.spec[_PREPARATION].get("waitForSuccess", True):
            return True
        self._ctx.barred.setdefault(job.id, set()).add(node.id)
        return False


def outlives_reboot(job: Job, node: Node) -> bool:
    """Tell whether the job wants its successful preparation to count after a reboot."""
    preparation = job.spec.get(_PREPARATION) or {}
    return _succeeded(job, node) and preparation.get("rerunOnNodeRebootAfterSuccess") is False


def _only_run(ctx: Context, job: Job, node: Node, which: str) -> asyncio.Task[None]:
    """Begin a job's task of this kind on the node, unless it runs already."""
    key = (job.id, node.id, which)
    if key not in ctx.node_tasks:
        work = ctx.spawn(_run_node_task(ctx, job, node, which), f"{which} of {job.id}")
        ctx.node_tasks[key] = work
        work.add_done_callback(lambda _: ctx.node_tasks.pop(key, None))
    return ctx.node_tasks[key]


def _succeeded(job: Job, node: Node) -> bool:
    info = job.per_node.get(node.id, {}).get(_INFO[_PREPARATION], {})
    return bool(info.get("result") == "success")


async def release_everywhere(ctx: Context, job: Job) -> None:
    """End the preparations that still run, then run the release task once on every node
    where one ran; its failures stop nothing."""
    await _end_preparations(ctx, job)
    if not job.spec.get(_RELEASE):
        return
    pool = ctx.account.pools.get(job.pool_id.lower())
    nodes = [pool.nodes[one] for one in job.per_node if one in pool.nodes] if pool else []
    here = [node for node in nodes if node.state in READY and not _released(job, node)]
    # Shielded, because a deletion waits for the release that a termination began.
    await asyncio.gather(*(asyncio.shield(_only_run(ctx, job, node, _RELEASE)) for node in here))


def _released(job: Job, node: Node) -> bool:
    info = job.per_node[node.id].get(_INFO[_RELEASE], {})
    return bool(info.get("state") == "completed")


async def _end_preparations(ctx: Context, job: Job) -> None:
    running = [
        work for key, work in ctx.node_tasks.items() if key[0] == job.id and key[2] == _PREPARATION
    ]
    for work in running:
        work.cancel()
    await asyncio.gather(*running, return_exceptions=True)


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
            if which == _RELEASE or job.state not in _ENDS_PREPARATIONS:
                raise
            ending = ended_by_user()
            break
        if not shall_retry(ending, info["retryCount"], allowed):
            break
        info["retryCount"] += 1
        info["lastRetryTime"] = stamp(ctx.clock.now())
    info |= outcome_of(ending, stamp(ctx.clock.now()))
    ctx.machine.note(node, f"{which} of {job.id}: {ending.told}")
    # The job may have been deleted meanwhile, and must not come back.
    if ctx.account.jobs.get(job.id.lower()) is job:
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
