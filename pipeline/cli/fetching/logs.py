"""Reads what the tasks of a run printed, from the logs in Storage."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.handlers.published import PlannedItems

_FAILURES_READ = 200


class Log(NamedTuple):
    """What one attempt of a unit printed.

    `cut` says that it printed more, and `more` that further logs were not read.
    """

    unit: str
    name: str
    text: str
    cut: bool = False
    more: bool = False

    @property
    def shown(self) -> str:
        """The text as a person reads it."""
        return self.text + ("\n(cut here)\n" if self.cut else "")


def logs_of(session: Session, run: Run, unit: str) -> Iterator[Log]:
    """Read the logs of a unit, or of all: the programs' logs, or the runner's if there are none."""
    logs = session.door.logs(run, unit)
    for log in logs.found:
        yield Log(log.unit, log.name, log.text, log.cut, logs.more)


def failed_units(session: Session, run: Run) -> list[str]:
    """Name the units in which items failed."""
    failed = session.door.failed(run, _FAILURES_READ)
    return list(dict.fromkeys(found.unit for found in failed))


def unit_named(run: Run, task: str) -> str:
    """Return the unit that a person names by its number or its name.

    Raises CommandError for one that the plan of the run's generation does not have.
    """
    if task in naming.STAGES:
        return task
    plain = task.isascii() and task.isdecimal()
    number = int(task) if plain else naming.unit_number(task)
    if number is None:
        raise CommandError(
            f"{task!r} is not a task: give its number, `split` or `assemble`.", Exit.USAGE
        )
    plan = plan_of(run)
    if plan and number >= plan.tasks:
        last = f" to {plan.tasks - 1:,}" if plan.tasks > 1 else ""
        raise CommandError(
            f"Generation {run.generation} of run {run.id} has no task {task}: "
            f"it has {wording.count(plan.tasks, 'task')}, 0{last}.",
            Exit.USAGE,
        )
    return naming.unit_name(number)


def unit_of_item(session: Session, run: Run, item: int) -> str:
    """Return the task that carries an item in this generation. Raises CommandError."""
    plan = plan_of(run)
    if plan is None:
        raise CommandError(
            f"Run {run.id} has no plan of generation {run.generation}: nobody knows its items."
        )
    if plan.bundle:
        found = item // plan.bundle if item < plan.items else None
    else:
        planned = PlannedItems(session.engine, plan)
        units = range(plan.tasks)
        found = next((n for n in units if item in planned.of(naming.unit_name(n))), None)
    if found is None:
        more = " An earlier one may have it: --generation." if run.earlier else ""
        raise CommandError(
            f"Generation {run.generation} of run {run.id} has no item {item}.{more}", Exit.USAGE
        )
    return naming.unit_name(found)


def plan_of(run: Run) -> PublishedPlan | None:
    """Return the plan of the generation that a run is looked at in."""
    earlier = {one.generation: one.plan for one in run.earlier}
    return earlier.get(run.generation, run.plan)
