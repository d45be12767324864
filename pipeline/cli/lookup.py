"""Finds the run that a person names: by its id, the start of its id, or `latest`. Also reads its
state, with remedies that name the target."""

from dataclasses import replace
from typing import Annotated

import typer

from pipeline.cli.doors.door import Listed
from pipeline.cli.exits import CommandError
from pipeline.cli.session import Session
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting.standing import Standing

LATEST = "latest"
RunArgument = Annotated[str, typer.Argument(help="Run id, the start of one, or `latest`.")]
_NOTED = 3  # damaged rows, each in a line


def run_named(session: Session, text: str) -> str:
    """Return the id of the named run. Raises CommandError if none fits, or more than one."""
    door = session.door
    if text != LATEST and door.find(text):
        return text
    if text == LATEST:
        found = [run.id for run in listed(session, door.latest(None, 1)).runs]
    else:
        found = door.beginning(text)
    if len(found) > 1:
        raise CommandError(
            f"{text!r} fits {len(found)} runs, such as {found[0]} and {found[1]}: "
            "give more of the id."
        )
    if not found:
        raise CommandError(f"There is no run {text!r}: `fanfare ls` lists the runs.")
    return found[0]


def needed(session: Session, run: str) -> Run:
    """Return the run with an id. Raises NotFound."""
    found = session.door.find(run)
    if found is None:
        raise NotFound(f"There is no run {run[:100]!r}: `fanfare ls` lists the runs.")
    return found


def standing_of(session: Session, run: str, *, ask: bool = True) -> Standing:
    """Read the state of a run as `standing` does; its remedies can be pasted. Raises NotFound."""
    found = session.door.standing(run, ask=ask)
    obstacle = found.obstacle
    if obstacle:
        remedy = session.addressed(obstacle.remedy)
        obstacle = obstacle.model_copy(update={"remedy": remedy})
    return replace(found, obstacle=obstacle, remedy=session.addressed(found.remedy))


def listed(session: Session, found: Listed) -> Listed:
    """Report the rows of a list that could not be read, and return the list."""
    for error in found.unreadable[:_NOTED]:
        session.note(error)
    if len(found.unreadable) > _NOTED:
        session.note(f"and {len(found.unreadable) - _NOTED} more rows that cannot be read")
    return found
