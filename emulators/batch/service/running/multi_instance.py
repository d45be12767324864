"""Multi-instance tasks: a coordination command on every node, then the task's own on the primary
node.

https://learn.microsoft.com/azure/batch/batch-mpi
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime

from emulators.batch.agent.environment import task_directory
from emulators.batch.document import Doc, seconds_of, stamp
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.task import Task
from emulators.batch.scheduler.verdict import Ending
from emulators.batch.service.context import Context
from emulators.batch.service.machine import Execution
from emulators.batch.service.nodes.node_tasks import outcome_of
from emulators.batch.service.nodes.task_folders import coordination

_PORT = 6000


class Coordination:
    """The coordination commands of one run of a task; `nodes` begin with the primary."""

    def __init__(self, ctx: Context, job: Job, task: Task, nodes: Sequence[Node]) -> None:
        self._ctx, self._job, self._task, self._nodes = ctx, job, task, nodes
        self._executions: list[Execution] = []
        self._began = ctx.clock.seconds()

    async def run(self, spec: Doc) -> Ending | None:
        """Run the command on every node; return the first failure, which interrupts the others."""
        now = stamp(self._ctx.clock.now())
        self._task.subtasks = [
            self._info(number, node, now) for number, node in enumerate(self._nodes) if number
        ]
        for number, node in enumerate(self._nodes):
            self._executions.append(self._execution(spec, number, node))
        runs = [
            asyncio.ensure_future(self._one(number, one))
            for number, one in enumerate(self._executions)
        ]
        try:
            for ended in asyncio.as_completed(runs):
                ending = await ended
                if ending.failure is not None:
                    return ending
            return None
        finally:
            for run in runs:
                run.cancel()
            await asyncio.gather(*runs, return_exceptions=True)

    def _execution(self, spec: Doc, number: int, node: Node) -> Execution:
        settings = spec["multiInstanceSettings"]
        command = {
            # A container task may leave it empty; its common files still come.
            "commandLine": str(settings["coordinationCommandLine"]).strip() or "true",
            "resourceFiles": settings.get("commonResourceFiles"),
            "environmentSettings": self.environment(spec, number),
            "userIdentity": spec.get("userIdentity"),
            "constraints": spec.get("constraints"),
        }
        directory = self._ctx.folders(node).task(self._job.id, coordination(self._task.id))
        where = {"job_id": self._job.id, "task_id": self._task.id}
        return self._ctx.machine.execution(node, command, directory, **where)

    async def _one(self, number: int, execution: Execution) -> Ending:
        ending = await execution.run(lingers=True)
        if number:
            self._end(number, ending)
        return ending

    def time_left(self, constraints: Doc) -> Doc:
        """Return the constraints of the task, with its time limit shortened by the coordination."""
        limit = seconds_of(constraints.get("maxWallClockTime"))
        if limit is None:
            return constraints
        left = max(0.0, limit - (self._ctx.clock.seconds() - self._began))
        return {**constraints, "maxWallClockTime": f"PT{left:.6f}S"}

    async def kill(self) -> None:
        """Kill what still runs, and what the commands left running."""
        await asyncio.gather(*(execution.kill() for execution in self._executions))

    def environment(self, spec: Doc, number: int = 0) -> list[Doc]:
        """Return the settings of the task, and the variables that tell the nodes of one another.

        All emulated nodes are this machine, so each gets a loopback address of its own.
        """
        hosts = [f"127.0.{node.number // 250}.{node.number % 250 + 4}" for node in self._nodes]
        folders = self._ctx.folders(self._nodes[number])
        shared = folders.task(self._job.id, coordination(self._task.id)) / "wd"
        known = {
            "AZ_BATCH_HOST_LIST": ",".join(hosts),
            "AZ_BATCH_NODE_LIST": ";".join(hosts),
            "AZ_BATCH_MASTER_NODE": f"{hosts[0]}:{_PORT}",
            "AZ_BATCH_IS_CURRENT_NODE_MASTER": str(number == 0).lower(),
            "AZ_BATCH_TASK_SHARED_DIR": str(shared),
            "CCP_NODES": f"{len(hosts)} " + " ".join(f"{host} 1" for host in hosts),
        }
        more = [{"name": name, "value": value} for name, value in known.items()]
        return [*(spec.get("environmentSettings") or ()), *more]

    def _info(self, number: int, node: Node, at: str) -> Doc:
        node_url = f"{self._ctx.endpoint}/pools/{node.pool_id}/nodes/{node.id}"
        root = task_directory(self._job.id, coordination(self._task.id))
        return {
            "id": number,
            "nodeInfo": {
                "affinityId": f"TVM:{node.id}",
                "nodeUrl": node_url,
                "poolId": node.pool_id,
                "nodeId": node.id,
                "taskRootDirectory": root,
                "taskRootDirectoryUrl": f"{node_url}/files/{root}",
            },
            "startTime": at,
            "state": "running",
            "stateTransitionTime": at,
        }

    def _end(self, number: int, ending: Ending) -> None:
        _end_subtask(self._task.subtasks[number - 1], ending, self._ctx.clock.now())
        self._ctx.keep(self._task)


def end_subtasks(task: Task, ending: Ending, at: datetime) -> None:
    """Give the subtasks that still run the ending of their task."""
    for info in task.subtasks:
        if info["state"] == "running":
            _end_subtask(info, ending, at)


def _end_subtask(info: Doc, ending: Ending, at: datetime) -> None:
    before = {
        "previousState": info["state"],
        "previousStateTransitionTime": info["stateTransitionTime"],
    }
    info |= {**outcome_of(ending, stamp(at)), **before, "stateTransitionTime": stamp(at)}
