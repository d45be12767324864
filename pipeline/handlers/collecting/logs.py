"""Reads what the units of a run printed, from the logs in Storage."""

from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.errors import Permanent
from pipeline.handlers.engine import Engine


@dataclass(frozen=True)
class Log:
    """What one attempt of a unit printed; `cut` if that is longer than was read."""

    unit: str
    name: str
    text: str
    cut: bool = False


def logs_of(engine: Engine, run: Run, unit: str, most: int) -> Iterator[Log]:
    """Read the logs of a unit, or of all: the programs' logs, or the runner's if there are none.

    At most `most` bytes of each are read.
    """
    blobs = engine.ports.blobs
    folder, below = run.names.logs(), f"{run.names.logs(unit)}/" if unit else run.names.logs()
    there = [facts for facts in blobs.list(naming.WORK, below) if facts.size]
    programs = [facts for facts in there if naming.is_program_log(facts.ref)]
    for facts in programs or there:
        found_unit, *_, name = facts.ref.name.removeprefix(folder).split("/")
        text = blobs.read(facts.ref, 0, most).decode("utf-8", "replace")
        yield Log(found_unit, name, text, cut=facts.size > most)


def units_of(text: str) -> str:
    """Return a unit that was named: a task as `t000012`, or a stage. Raises Permanent."""
    if text and text not in naming.STAGES and naming.unit_number(text) is None:
        raise Permanent(f"{text[:80]!a} is no unit: name a task as t000012, or a stage.")
    return text
