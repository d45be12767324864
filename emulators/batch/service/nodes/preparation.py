"""Job preparation before the first task of a job on a node, and job release when the job ends
there."""

import asyncio
from collections.abc import Iterator, Sequence
from datetime import timedelta

from emulators.batch.agent.environment import task_directory
from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.states import JobState
from emulators.batch.scheduler.verdict import ended_by_user
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.node_tasks import (
    Command,
    end_left_running,
    end_once,
    only_one,
    outcome_of,
    run_tries,
)
from emulators.batch.service.nodes.retention import watch_folder

PREPARATION, RELEASE = "jobPreparationTask", "jobReleaseTask"
LEFT_RUNNING = "leftRunning"
INFO = {PREPARATION: "jobPreparationTaskExecutionInfo", RELEASE: "jobReleaseTaskExecutionInfo"}

_ENDS_PREPARATIONS = frozenset({JobState.TERMINATING, JobState.DELETING})


class Preparations:
    """Lets several tasks of a job wait for one preparation of their node."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def begin(self, job: Job, node: Node) -> bool:
        """Begin the preparations that the job needs; tell whether its tasks may start at once."""
        preparation = job.spec.get(PREPARATION)
        if not preparation or _succeeded(job, node):
            return True
        waits: bool = preparation.get("waitForSuccess", True)
        if waits or INFO[PREPARATION] not in job.per_node.get(node.id, {}):
            _only_run(self._ctx, job, node, PREPARATION)
        return not waits

    async def ensure(self, job: Job, nodes: Sequence[Node]) -> bool:
        """Wait for the preparation of all nodes; False bars the nodes where it failed."""
        unready = [node for node in nodes if not self.begin(job, node)]
        # A task that ends while it waits must not end the preparation of the others.
        going = [_only_run(self._ctx, job, node, PREPARATION) for node in unready]
        await asyncio.shield(asyncio.gather(*going))
        failed = {node.id for node in unready if not _succeeded(job, node)}
        if failed:
            self._ctx.barred.setdefault(job.id, set()).update(failed)
        return not failed


def forget_preparations(ctx: Context, node: Node, *, rebooted: bool = False) -> None:
    """Let preparations run again on a node that comes back, except where a reboot spares them."""
    for job in ctx.account.jobs.values():
        if job.state is JobState.COMPLETED:
            # The history of what it has done there stays.
            continue
        # Only a reboot leaves the disk as it is.
        if rebooted and _outlives_reboot(job, node):
            continue
        if job.per_node.pop(node.id, None) is not None:
            ctx.keep(job)
        ctx.barred.get(job.id, set()).discard(node.id)


def _outlives_reboot(job: Job, node: Node) -> bool:
    """Tell whether the job wants its successful preparation to count after a reboot."""
    preparation = job.spec.get(PREPARATION) or {}
    return _succeeded(job, node) and preparation.get("rerunOnNodeRebootAfterSuccess") is False


def forget_cut_off(ctx: Context, job: Job) -> None:
    """Forget what ran when the last process ended, so that it begins again.

    A preparation that left processes for its job runs again too, because these died.
    """
    for entry in job.per_node.values():
        if entry.pop(LEFT_RUNNING, False) and INFO[PREPARATION] in entry:
            del entry[INFO[PREPARATION]]
            ctx.keep(job)
        for name in INFO.values():
            if entry.get(name, {}).get("state") == "running":
                del entry[name]
                ctx.keep(job)


def bar_again(ctx: Context, job: Job) -> None:
    """Keep a job off the nodes where its preparation failed in an earlier process."""
    if (job.spec.get(PREPARATION) or {}).get("waitForSuccess", True):
        for node_id, entry in job.per_node.items():
            if entry.get(INFO[PREPARATION], {}).get("result") == "failure":
                ctx.barred.setdefault(job.id, set()).add(node_id)


def _only_run(ctx: Context, job: Job, node: Node, which: str) -> asyncio.Task[None]:
    """Begin a job's preparation or release on the node, unless it already runs."""
    return only_one(ctx, node, which, lambda: _run_node_task(ctx, job, node, which), job.id)


def _succeeded(job: Job, node: Node) -> bool:
    info = job.per_node.get(node.id, {}).get(INFO[PREPARATION], {})
    return bool(info.get("result") == "success")


async def release_everywhere(ctx: Context, job: Job) -> None:
    """End the preparations that still run, then run the release task once on every prepared node.

    A failed release stops nothing.
    """
    await _end_preparations(ctx, job)
    nodes = _prepared(ctx, job) if job.spec.get(RELEASE) else ()
    here = [node for node in nodes if node.state in READY and not _released(job, node)]
    # Only wait for it: a deletion may wait for it as well, and it also ends when its node goes.
    releases = [_only_run(ctx, job, node, RELEASE) for node in here]
    if releases:
        await asyncio.wait(releases)
    await end_left_running(ctx, lambda key: key[0] == job.id)
    for entry in job.per_node.values():
        entry.pop(LEFT_RUNNING, None)


def _prepared(ctx: Context, job: Job) -> Iterator[Node]:
    """Yield the nodes where the job was prepared, also those of a pool that the job has left."""
    for node_id, entry in job.per_node.items():
        pool = ctx.account.pools.get(entry["poolId"].lower())
        if pool is not None and node_id in pool.nodes:
            yield pool.nodes[node_id]


def _released(job: Job, node: Node) -> bool:
    info = job.per_node[node.id].get(INFO[RELEASE], {})
    return bool(info.get("state") == "completed")


async def _end_preparations(ctx: Context, job: Job) -> None:
    running = [
        work for key, work in ctx.node_tasks.items() if key[0] == job.id and key[2] == PREPARATION
    ]
    end_once(running)
    await asyncio.gather(*running, return_exceptions=True)


async def _run_node_task(ctx: Context, job: Job, node: Node, which: str) -> None:
    spec = dict(job.spec[which])
    if which == RELEASE:
        spec["constraints"] = {"maxWallClockTime": spec["maxWallClockTime"]}
    directory = ctx.folders(node).task(job.id, spec["id"])
    info: Doc = {
        "state": "running",
        "retryCount": 0,
        "taskRootDirectory": task_directory(job.id, spec["id"]),
    }
    entry = job.per_node.setdefault(node.id, {"poolId": node.pool_id, "nodeId": node.id})
    entry[INFO[which]] = info
    where = {"job_id": job.id, "task_id": spec["id"]}
    command = Command(
        f"{which} of {job.id}",
        lambda: ctx.machine.execution(node, spec, directory, **where),
        info,
        int((spec.get("constraints") or {}).get("maxTaskRetryCount") or 0),
        lambda: _keep_present(ctx, job),
        left=(job.id, node.id, which) if which == PREPARATION else None,
    )
    try:
        ending = await run_tries(ctx, node, command)
    except asyncio.CancelledError:
        if node.state in READY and (which == RELEASE or job.state not in _ENDS_PREPARATIONS):
            # The service itself ends; the next process runs the command again.
            raise
        ending = ended_by_user()
        ctx.machine.note(node, f"{command.name}: {ending.told}")
    info |= outcome_of(ending, stamp(ctx.clock.now()))
    if command.left in ctx.left_running:
        entry[LEFT_RUNNING] = True
    _keep_present(ctx, job)
    _watch_files(ctx, job, node, which)


def _watch_files(ctx: Context, job: Job, node: Node, which: str) -> None:
    """Delete the files once their retention time has passed."""
    spec, info = job.spec[which], job.per_node[node.id][INFO[which]]
    folder = ctx.folders(node).task(job.id, spec["id"])
    length = (spec if which == RELEASE else spec.get("constraints") or {}).get("retentionTime")

    def is_latest() -> bool:
        shown = job.per_node.get(node.id, {}).get(INFO[which])
        return shown is info and ctx.account.jobs.get(job.id.lower()) is job

    watch_folder(ctx, folder, info, length, is_latest)


def watch_files_again(ctx: Context, job: Job) -> None:
    """Watch the retention times of what ended in an earlier process."""
    for node in _prepared(ctx, job):
        for which, name in INFO.items():
            if job.per_node[node.id].get(name, {}).get("state") == "completed":
                _watch_files(ctx, job, node, which)


def _keep_present(ctx: Context, job: Job) -> None:
    """Save a job unless it was deleted meanwhile, because its record must not come back."""
    if ctx.account.jobs.get(job.id.lower()) is job:
        ctx.keep(job)


def remaining_s(job: Job, ctx: Context, limit_s: float) -> float:
    """Return the seconds until a job's own time limit, which counts from its creation."""
    due = parse_stamp(job.created) + timedelta(seconds=limit_s)
    return max(0.0, (due - ctx.clock.now()).total_seconds())
