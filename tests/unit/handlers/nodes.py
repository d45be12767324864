"""Nodes that misbehave on purpose: a script says how, for each execution of each task."""

import json
from collections import Counter
from collections.abc import Callable

from pipeline.domain.runs.naming import BlobRef
from pipeline.ports.batch import TaskSpec
from tests.fakes.app import FakeApp
from tests.fakes.batch import Execute, NodeLost, Outcome
from tests.fakes.node import FakeNode

type Edit = Callable[[dict], object]


def scripted(app: FakeApp, script: dict[str, list[Execute]]) -> Counter[str]:
    """Run tasks as their script says, and then normally; return how often each task ran."""
    ran: Counter[str] = Counter()
    good = FakeNode(app.world.blobs, app.world.clock, app.program)

    def execute(spec: TaskSpec) -> Outcome:
        steps = script.get(spec.id, [])
        step = steps[ran[spec.id]] if ran[spec.id] < len(steps) else good
        ran[spec.id] += 1
        return step(spec)

    app.execute = execute
    return ran


def watched(
    app: FakeApp, upset: Callable[[TaskSpec], Outcome | None] = lambda _spec: None
) -> list[TaskSpec]:
    """Note the tasks that nodes get, in a list that grows; `upset` may end one in another way."""
    seen: list[TaskSpec] = []
    node = FakeNode(app.world.blobs, app.world.clock, app.program)

    def execute(spec: TaskSpec) -> Outcome:
        seen.append(spec)
        return upset(spec) or node(spec)

    app.execute = execute
    return seen


def batch_says(code: str, message: str = "", exit_code: int | None = None) -> Execute:
    """End a task with a failure that Batch reports; nothing is uploaded."""
    return lambda _spec: Outcome(exit_code, code, "servererror", message)


def times_out(app: FakeApp, message: str = "") -> Execute:
    """End a task that took all its time, with a code that no table has."""

    def execute(spec: TaskSpec) -> Outcome:
        app.world.clock.advance(spec.limit)
        return Outcome(-1073741510, "TaskEnded", "servererror", message)

    return execute


def node_lost(_spec: TaskSpec) -> Outcome:
    """Lose the node: Batch puts the task back."""
    raise NodeLost


def losing(app: FakeApp, *prefixes: str) -> Execute:
    """Run the task and lose the uploads of files with these prefixes."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)
    node.loses = lambda name: name.startswith(prefixes)
    return node


def lying(app: FakeApp, lie: Edit | bytes) -> Execute:
    """Run the task, then overwrite its receipt."""
    node = FakeNode(app.world.blobs, app.world.clock, app.program)

    def execute(spec: TaskSpec) -> Outcome:
        before = set(app.world.blobs.names("receipts"))
        outcome = node(spec)
        (name,) = set(app.world.blobs.names("receipts")) - before
        ref = BlobRef("receipts", name)
        content = lie
        if not isinstance(lie, bytes):
            receipt = json.loads(app.world.blobs.read(ref))
            receipt = lie(receipt) or receipt
            content = json.dumps(receipt).encode()
        app.world.blobs.write(ref, content)
        return outcome

    return execute
