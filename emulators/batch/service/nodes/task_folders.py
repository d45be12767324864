"""Where the files of a task lie: on its node or, of a multi-instance task, on all its nodes."""

from collections.abc import Iterator
from pathlib import Path

from emulators.batch.agent.environment import NodeFolders
from emulators.batch.document import Doc
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context


def coordination(task_id: str) -> str:
    """Return the folder name, beside the task's own, in which its coordination command runs."""
    return f"{task_id}.coordination"


def task_folders(ctx: Context, task: Task) -> Iterator[Path]:
    """Yield all folders of a task on nodes that still exist."""
    node = _folders(ctx, {"poolId": task.pool_id, "nodeId": task.node_id})
    if node is not None:
        yield node.task(task.job_id, task.id)
    if '"multiInstanceSettings"' in task.spec_text:
        for other in (node, *(_folders(ctx, one["nodeInfo"]) for one in task.subtasks)):
            if other is not None:
                yield other.task(task.job_id, coordination(task.id))


def _folders(ctx: Context, where: Doc) -> NodeFolders | None:
    pool = ctx.account.pools.get(where["poolId"].lower())
    node = pool.nodes.get(where["nodeId"]) if pool else None
    return ctx.folders(node) if node is not None else None
