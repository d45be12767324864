"""Finds the run that a person names: by its id, the beginning of one, or `latest`."""

from itertools import islice

from pipeline.cli.exits import CommandError
from pipeline.cli.session import Session
from pipeline.ledger import index, listing, runs
from pipeline.ledger.listing import Listing

LATEST = "latest"
_SEARCHED = 200  # runs a pipeline
_TOLD = 3  # damaged rows, each in a line


def run_named(session: Session, text: str) -> str:
    """Return the run that is meant; raise CommandError if there is none, or more than one."""
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
        raise CommandError(f"{text!r} may be {len(found)} runs, such as {found[0]} and {found[1]}.")
    if not found:
        raise CommandError(f"There is no run {text!r}: `fanfare ls` shows those that there are.")
    return found[0]


def listed(session: Session, found: Listing) -> Listing:
    """Say which rows of a list could not be read, and pass the list on."""
    for error in found.damaged[:_TOLD]:
        session.note(str(error))
    if len(found.damaged) > _TOLD:
        session.note(f"and {len(found.damaged) - _TOLD} more rows that cannot be read")
    return found
