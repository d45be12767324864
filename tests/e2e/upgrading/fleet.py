"""Runs that one release has started, one in each moment, and what must become of them."""

import json
from dataclasses import dataclass
from pathlib import Path

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.ledger import runs
from tests.e2e.upgrading.releases import Deployed
from tests.patience import until

PROGRAM = Path(__file__).with_name("hold.py").read_text("utf-8")
_HELD = """
trigger: {blob: {container: input, prefix: NAME/}}
split:
  program: {program: hold.py, arguments: [planning, "{input}", "{output}"], parameters: [line]}
task: {program: hold.py, arguments: [running, "{line}", "{output}"]}
pool: cpu
assemble: {program: {program: hold.py, arguments: [assembling, "{parts}", "{output}"]}}
limits: {item: 10m, task: 20m, run: 1h}
"""
PIPELINES = {
    "wide": _HELD.replace("NAME", "wide"),
    "narrow": _HELD.replace("NAME", "narrow") + "max_concurrent_runs: 1\n",
}
NEWER = {"newer": _HELD.replace("NAME", "newer") + "key_of_a_later_release: true\n"}
_STAGES = ("planning", "running", "assembling")
_WORDS = ("one", "two")  # so that all tasks that are held find a slot of the pool


@dataclass(frozen=True)
class Member:
    """One run, and the gate that holds it."""

    run: str
    gate: Path

    @property
    def held(self) -> bool:
        return Path(f"{self.gate}.held").exists()


@dataclass(frozen=True)
class Fleet:
    """Runs by their moment: the stage that is held, or `waiting` for the place of another run."""

    stack: Deployed
    members: dict[str, Member]

    @classmethod
    def started(cls, stack: Deployed, gates: Path) -> "Fleet":
        """Start a run for each moment; return when all are there."""
        gates.mkdir()
        found = {stage: uploaded(stack, "wide", stage, gates / stage) for stage in _STAGES}
        found["first"] = uploaded(stack, "narrow", "running", gates / "first")
        until(lambda: found["first"].held, 90, "the place of the pipeline to be taken")
        fleet = cls(stack, found)
        for member in found.values():
            until(lambda m=member: m.held, 90, f"{member.gate.name} to be held", fleet.tell)
        waiting = uploaded(stack, "narrow", "running", gates / "waiting")
        until(lambda: load(stack, waiting).state is State.WAITING, 60, "a run to wait", fleet.tell)
        found["waiting"] = waiting
        return fleet

    def go_on(self) -> None:
        """Open all gates."""
        for member in self.members.values():
            member.gate.touch()

    def end_well(self) -> None:
        """Check that every run has its output and its event, and did nothing twice."""
        for member in self.members.values():
            ended_well(self.stack, member)

    def tell(self) -> str:
        return "\n".join(self.stack.tell(member.run) for member in self.members.values())


def uploaded(stack: Deployed, pipeline: str, stage: str, gate: Path) -> Member:
    """Start a run that is held in a stage."""
    content = " ".join((stage, str(gate), *_WORDS)).encode()
    name = f"{pipeline}/{gate.parent.name}-{gate.name}.txt"
    return Member(stack.upload(name, content, pipeline), gate)


def load(stack: Deployed, member: Member) -> Run:
    """Read a run, once it is claimed."""
    find = lambda: runs.load(stack.engine.ports.tables, member.run)  # noqa: E731 - one line
    return until(find, 60, f"run {member.run} to be claimed").run


def ended_well(stack: Deployed, member: Member) -> None:
    """Check that a run has its output and its event, and did nothing twice."""
    run, event = stack.succeeded(member.run)
    has_output(stack, run)
    assert (run.generation, event["data"]["items"]["succeeded"]) == (1, len(_WORDS))
    executed = Path(f"{member.gate}.done").read_text("utf-8").split()
    assert sorted(executed) == sorted(_WORDS), json.dumps(event, indent=1)


def has_output(stack: Deployed, run: Run) -> None:
    """Check that the output of a run is whole, and right."""
    assert stack.output(run) == {"all.txt": " ".join(_WORDS).encode()}


def check_events(stack: Deployed, *fleets: Fleet) -> None:
    """Check that the subscriber has heard of each run once, and of no other."""
    expected = {
        load(stack, member).names.event(State.SUCCEEDED)
        for fleet in fleets
        for member in fleet.members.values()
    }
    assert set(stack.completions()) == expected
