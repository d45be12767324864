"""Jobs, tasks and nodes of the model alone, without a service around them."""

import json

from emulators.batch.model.job import Job, with_job_defaults
from emulators.batch.model.node import Node
from emulators.batch.model.states import JobState, NodeState, TaskState
from emulators.batch.model.task import Task


def job(name: str, **spec: object) -> Job:
    body = {"id": name, "poolInfo": {"poolId": "p"}, **spec}
    return Job(
        id=name, spec=with_job_defaults(body), state=JobState.ACTIVE, created="2030-01-01T00:00:00Z"
    )


def add(to: Job, name: str, slots: int = 1, **spec: object) -> Task:
    task = Task(
        id=name,
        job_id=to.id,
        seq=len(to.order),
        spec_text=json.dumps(spec),
        slots=slots,
        state=TaskState.ACTIVE,
        created="2030-01-01T00:00:00Z",
    )
    to.add(task)
    return task


def node(name: str, slots: int, **more: object) -> Node:
    return Node(
        id=name,
        pool_id="p",
        dedicated=True,
        slots=slots,
        number=0,
        state=NodeState.IDLE,
        created="2030-01-01T00:00:00Z",
        **more,
    )
