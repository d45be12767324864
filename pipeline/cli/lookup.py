"""Finds the run that a person names: by its id, the start of its id, or `latest`. Also reads its
state, with remedies that name the target."""

from dataclasses import replace
from itertools import islice
from typing import Annotated

import typer

from pipeline.cli.exits import CommandError
from pipeline.cli.session import Session
from pipeline.handlers.collecting.standing import Standing, standing
from pipeline.ledger import index, listing, runs
from pipeline.ledger.listing import Listing

LATEST = "latest"
RunArgument = Annotated[str, typer.Argument(help="Run id, the start of one, or `latest`.")]
_SEARCHED = 200  # runs of each pipeline
_NOTED = 3  # damaged rows, each in a line


def run_named(session: Session, text: str) -> str:
    """Return the id of the named run. Raises CommandError if none fits, or more than one."""
    tables = session.engine.ports.tables
    if runs.load(tables, text):
        return text
    if text == LATEST:
        found = [run.id for run in listed(session, listing.latest(tables, None, 1)).runs]
    else:
        everyone = (
            run
            for name in index.pipelines(tables)
            for run in islice(index.recent(tables, name), _SEARCHED)
        )
        found = [run for run in everyone if run.startswith(text)]
    if len(found) > 1:
        raise CommandError(
            f"{text!r} fits {len(found)} runs, such as {found[0]} and {found[1]}: "
            "give more of the id."
        )
    if not found:
        raise CommandError(f"There is no run {text!r}: `fanfare ls` lists the runs.")
    return found[0]


def standing_of(session: Session, run: str, *, ask: bool = True) -> Standing:
    """Read the state of a run as `standing` does; its remedies can be pasted. Raises NotFound."""
    found = standing(session.engine, run, ask=ask)
    obstacle = found.obstacle
    if obstacle:
        remedy = session.addressed(obstacle.remedy)
        obstacle = obstacle.model_copy(update={"remedy": remedy})
    return replace(found, obstacle=obstacle, remedy=session.addressed(found.remedy))


def listed(session: Session, found: Listing) -> Listing:
    """Report the rows of a list that could not be read, and return the list."""
    for error in found.damaged[:_NOTED]:
        session.note(str(error))
    if len(found.damaged) > _NOTED:
        session.note(f"and {len(found.damaged) - _NOTED} more rows that cannot be read")
    return found
