"""Functions in the place of users' programs, and nodes that misbehave."""

import json
from collections import Counter

from pipeline.ports.batch import TaskSpec
from tests.fakes.batch import NodeLost, Outcome
from tests.fakes.node import Failure, FakeNode, Item, Outputs, Program
from tests.fakes.world import FakeWorld


def work(item: Item) -> Outputs:
    """Act as the program of the stage that the page is for."""
    file = item.page["program"]["file"]
    if file == "cut.py":
        return [("items.json", json.dumps([{"parameters": {"n": n}} for n in (3, 5)]).encode())]
    if file == "join.py":
        parts = item.json("parts.json")
        return [("joined.txt", b"".join(item.files[part["file"]] for part in parts))]
    if item.page["run"].startswith("reduced-"):
        return [("part.json", json.dumps({"all": item.id}).encode())]
    if "start" in item.parameters:
        return [("part.json", json.dumps({"total": item.parameters["end"]}).encode())]
    return [("part.txt", f"{item.id}\n".encode())]


VALUES = {f"my-vault/{name}": f"value-of-{name}" for name in ("cut", "token", "key", "join")}
_VARIABLES = {"cut.py": ["CUT"], "work.py": ["TOKEN", "KEY"], "join.py": ["JOIN"]}


def secretive(item: Item) -> Outputs | Failure:
    """Work only with the secrets of the program, and with no others."""
    file, given = item.page["program"]["file"], item.json("secrets.json")
    values = {name: entry["value"] for name, entry in given.items()}
    wanted = {name: f"value-of-{name.lower()}" for name in _VARIABLES[file]}
    return work(item) if values == wanted else Failure("input-missing")


def second_fails(item: Item) -> Outputs | Failure:
    """Fail item 1 every time."""
    return Failure() if item.id == 1 else work(item)


def second_fails_first(item: Item) -> Outputs | Failure:
    """Fail item 1 in the first generation."""
    return second_fails(item) if item.page["generation"] == 1 else work(item)


class UnluckyNodes:
    """Loses the node of the first execution of each job, then the upload of that task."""

    def __init__(self, world: FakeWorld, program: Program) -> None:
        self._node = FakeNode(world.blobs, world.clock, program)
        self._losing = FakeNode(
            world.blobs,
            world.clock,
            program,
            loses=lambda name: name.startswith(("o-", "r-", "fanfare-output/")),
        )
        self._seen: Counter[str] = Counter()

    def __call__(self, spec: TaskSpec) -> Outcome:
        """Execute a task; the first executions fail."""
        self._seen[spec.id] += 1
        if spec.id != "t000001" or self._seen[spec.id] > 2:
            return self._node(spec)
        if self._seen[spec.id] == 1:
            raise NodeLost
        return self._losing(spec)


class LosesOutputs:
    """Loses the outputs of each task's first execution, but not its receipt."""

    def __init__(self, world: FakeWorld, program: Program) -> None:
        self._node = FakeNode(world.blobs, world.clock, program, backwards=True)
        self._losing = FakeNode(
            world.blobs, world.clock, program, loses=lambda name: name.startswith("o-")
        )
        self._seen: Counter[str] = Counter()

    def __call__(self, spec: TaskSpec) -> Outcome:
        """Execute a task, and lose its outputs the first time."""
        self._seen[spec.id] += 1
        return (self._losing if self._seen[spec.id] == 1 else self._node)(spec)


class Lies:
    """Leaves an invalid receipt in the first execution of the second task."""

    def __init__(self, world: FakeWorld, program: Program) -> None:
        self._world, self._lied = world, False
        self._node = FakeNode(world.blobs, world.clock, program)

    def __call__(self, spec: TaskSpec) -> Outcome:
        """Execute a task, and overwrite its receipt."""
        outcome = self._node(spec)
        if spec.id == "t000001" and not self._lied:
            self._lied = True
            (receipt,) = [n for n in self._world.blobs.names("receipts") if "/t000001/" in n]
            self._world.blobs.put("receipts", receipt, b"Trust me, it is done.")
        return outcome
