"""`fanfare logs`: what the tasks of a run printed, or print."""

import json
from functools import partial
from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.fetching.following import Tail, follow, unit_to_follow
from pipeline.cli.fetching.logs import Log, failed_units, logs_of, unit_named, unit_of_item
from pipeline.cli.lookup import RunArgument, needed, run_named
from pipeline.cli.session import Deadline, Session, TimeoutOption
from pipeline.cli.views import wording
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.logs import failed_part, folded, part_of
from pipeline.domain.texts.visible import visible
from pipeline.domain.waiting.verdicts import FAULTS


def logs(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    run: RunArgument,
    task: Annotated[
        str | None,
        typer.Argument(help="Task number, `split` or `assemble`; default: what failed."),
    ] = None,
    *,
    item: Annotated[
        int | None, typer.Option("--item", min=0, help="Only this item, whatever its task.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print the logs of every task.")
    ] = False,
    following: Annotated[
        bool, typer.Option("--follow", help="Print what one task prints, until it has ended.")
    ] = False,
    generation: Annotated[
        int | None, typer.Option(min=1, help="Generation of the run; default: the latest.")
    ] = None,
    timeout: TimeoutOption = None,
) -> None:
    """Print the logs of failed items, of one item or task, or what a task prints now."""
    session: Session = context.obj
    deadline = Deadline.begun(session, timeout)
    if sum((task is not None, item is not None, everything)) > 1 or (everything and following):
        raise CommandError("Give a task, or --item, or --all: only one of them.", Exit.USAGE)
    held = needed(session, run_named(session, run))
    goes_on = not held.over and generation in (None, held.generation)
    held = held.model_copy(update={"generation": generation or held.generation})
    unit = _named(session, held, task, item)
    if following and goes_on:
        _follow(session, held, unit or unit_to_follow(held), item, deadline)
        return
    units = [unit] if unit else [""] if everything else failed_units(session, held)
    found = [log for unit in units for log in logs_of(session, held, unit)]
    if item is not None:
        found = _only(session, found, item)
    elif not task and not everything:
        found = [log._replace(text=failed_part(log.text)) for log in found]
    _print(session, found, _nothing(held, units), named=bool(unit))


def _named(session: Session, run: Run, task: str | None, item: int | None) -> str:
    """Return the unit that a person names by its task or an item; "" if nobody named one."""
    if item is not None:
        return unit_of_item(session, run, item)
    return unit_named(run, task) if task else ""


def _follow(session: Session, run: Run, unit: str, item: int | None, deadline: Deadline) -> None:
    tail = Tail(partial(_print_line, session, unit), item)
    try:
        follow(session, run, unit, tail, deadline)
    except KeyboardInterrupt:
        session.note(f"The work continues. To follow the run: fanfare watch {run.id}")
        raise


def _print_line(session: Session, unit: str, line: str) -> None:
    """Print a line that just came; programs get one JSON object for each."""
    if session.as_json:
        typer.echo(json.dumps({"unit": unit, "line": line}, ensure_ascii=False))
    else:
        session.out.print(Text(visible(line)), soft_wrap=True)


def _only(session: Session, found: list[Log], item: int) -> list[Log]:
    """Keep what an item printed. Raises CommandError if it may come after what was read."""
    kept = [log._replace(text=part_of(log.text, item)) for log in found]
    kept = [log for log in kept if log.text]
    if not kept and any(log.cut or log.more for log in found):
        way = "give --direct" if session.address else "read its blob with another tool"
        raise CommandError(
            f"Nothing of item {item} is in the part of its task's log that is shown, and the log "
            f"is longer: {way}."
        )
    return kept


def _print(session: Session, found: list[Log], nothing: str, *, named: bool) -> None:
    if session.as_json:
        session.answer([log._asdict() for log in found], "")
        return
    if not found:
        session.note(nothing)
    for log, text in zip(found, folded([log.shown for log in found]), strict=True):
        session.out.print(Text(visible(f"── {log.unit} {log.name}"), "dim"))
        session.out.print(Text(visible(text).rstrip("\n")), soft_wrap=True)
    if any(log.more for log in found):
        how = "--direct reads the others." if named else "name a task to read its own."
        session.note(f"These are not all logs: {how}")


def _nothing(run: Run, units: list[str]) -> str:
    """Say why there is nothing to print: what ended the run, or what it waits for."""
    if run.purged_at:
        return f"There is no log: the logs of this run were deleted on {run.purged_at:%Y-%m-%d}."
    if run.error:
        return f"There is no log. The run ended: {wording.one_line(run.error)}"
    if run.obstacle and run.obstacle.code in FAULTS:
        return f"There is no log yet. The run waits: {run.obstacle.code}: {_told(run.obstacle)}"
    return "There is no log." if units else "Nothing failed: name a task, or give --all."


def _told(obstacle: Obstacle) -> str:
    return wording.one_line(str(obstacle))
