"""`fanfare cancel`, `pause`, `resume`, `purge`: commands that change runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipeline.cli.doors.door import Advance
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.lookup import listed, run_named
from pipeline.cli.project.completion import OnePipeline
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.domain.notation.durations import parse_duration
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict
from pipeline.handlers.doors import http
from pipeline.handlers.ending import purge as purge_run
from pipeline.handlers.ending import steer
from pipeline.handlers.starting import admission
from pipeline.ledger import index, listing, runs

_PURGED_AT_ONCE = 1000

AllPipelines = Annotated[bool, typer.Option("--all", help="All pipelines.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Only show what would be done.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def cancel(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Run id, the start of one, or `latest`.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All active runs.")] = False,
    yes: YesOption = False,
) -> None:
    """Cancel a run or all active ones: end their tasks now, and announce them as cancelled."""
    session: Session = context.obj
    if (run is None) != everything:
        raise CommandError("Name a run, or give --all.", Exit.USAGE)
    if run is not None:
        ended = session.door.cancel(run_named(session, run))
        session.answer(http.view(ended, None), f"Run {ended.id} is {ended.state}.")
        return
    found = sorted(listing.going(session.engine.ports.tables).runs, key=_waiting_first)
    if found:
        confirm(session, f"Cancel {wording.count(len(found), 'run')}?", yes=yes)
    cancelled = []
    with progress(session, "Cancelling", len(found)) as advance:
        for one in found:
            with suppress(Conflict):  # it ended meanwhile
                cancelled.append(steer.cancel(session.steering, one.id).id)
            advance(1)
    text = f"{wording.count(len(cancelled), 'run')} cancelled. `fanfare pause --all` keeps new ones"
    session.answer({"cancelled": cancelled}, f"{text} from beginning.")


def _waiting_first(run: Run) -> bool:
    """Order runs so that none begins in the place of one that was cancelled before it."""
    return run.state is not State.WAITING


def pause(
    context: typer.Context, pipeline: OnePipeline = None, everything: AllPipelines = False
) -> None:
    """Pause a pipeline or all: new runs wait, active runs continue."""
    session: Session = context.obj
    names = _pipelines(session, pipeline, everything)
    changed = [name for name in names if admission.pause(session.steering, name)]
    text = f"{wording.count(len(names), 'pipeline')} paused: `fanfare resume --all` ends that."
    if pipeline is not None:
        text = f"{names[0]} is paused: new runs wait for `fanfare resume {names[0]}`."
    session.answer(_switched(pipeline, names, changed, paused=True), text)


def resume(
    context: typer.Context, pipeline: OnePipeline = None, everything: AllPipelines = False
) -> None:
    """Resume a paused pipeline or all: their waiting runs begin."""
    session: Session = context.obj
    names = _pipelines(session, pipeline, everything)
    changed = [name for name in names if admission.resume(session.steering, name)]
    text = f"{wording.count(len(changed), 'pipeline')} resumed."
    if pipeline is not None:
        text = f"{names[0]} is resumed." if changed else f"{names[0]} was not paused."
    session.answer(_switched(pipeline, names, changed, paused=False), text)


def _switched(
    pipeline: str | None, names: list[str], changed: list[str], *, paused: bool
) -> dict[str, object]:
    """Say in JSON what a command did to the one pipeline that was named, or to all."""
    if pipeline is None:
        return {"pipelines": names, "paused": paused, "changed": changed}
    return {"pipeline": names[0], "paused": paused, "changed": bool(changed)}


def _pipelines(session: Session, pipeline: str | None, everything: bool) -> list[str]:
    """Name the pipelines that a command means; all includes those that are no longer defined."""
    engine = session.engine
    if (pipeline is None) != everything:
        raise CommandError("Name a pipeline, or give --all.", Exit.USAGE)
    if pipeline is not None:
        return [engine.catalogue.pipeline(pipeline).name]
    return sorted({*engine.catalogue.pipelines, *index.pipelines(engine.ports.tables)})


def purge(
    context: typer.Context,
    run: Annotated[
        str | None, typer.Argument(help="Run id, the start of one, or `latest`.")
    ] = None,
    older_than: Annotated[
        str | None, typer.Option(help="All runs that ended longer ago than this, such as 30d.")
    ] = None,
    output: Annotated[bool, typer.Option("--output", help="Delete their output, too.")] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Delete plan, logs, receipts and rows of runs that are over; the runs stay in lists."""
    session: Session = context.obj
    if (run is None) == (older_than is None):
        raise CommandError("Name a run, or give --older-than, such as 30d.", Exit.USAGE)
    with session.busy("Looking for what to delete"):
        chosen = _chosen(session, run, older_than)
        found = [purge_run.belongings(session.engine, one, output=output) for one in chosen]
    blobs, total = sum(p.blobs for p in found), sum(p.bytes for p in found)
    answer = {"runs": [p.run.id for p in found], "blobs": blobs, "bytes": total, "done": False}
    text = ", ".join(
        (wording.count(len(found), "run"), wording.count(blobs, "blob"), wording.size(total))
    )
    if dry_run or not found:
        session.answer(answer, f"{text} would be deleted.")
        return
    confirm(session, f"{text}: delete this for good?", yes=yes)
    with progress(session, "Deleting", blobs + sum(p.rows for p in found)) as advance:
        for one in found:
            purge_run.carry_out(session.steering, one, advance)
    session.answer(answer | {"done": True}, f"{text} deleted.")


def confirm(session: Session, question: str, *, yes: bool) -> None:
    """Ask before something that costs or deletes. Raises CommandError without a yes."""
    if yes:
        return
    if not session.lively:
        raise CommandError(f"{question} Give --yes to do it.", Exit.USAGE)
    if not typer.confirm(question):
        raise CommandError("Nothing was done.")


@contextmanager
def progress(session: Session, text: str, total: int) -> Iterator[Advance]:
    """Show the progress of long work if a person watches."""
    if not session.lively:
        yield lambda _: None
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(32), MofNCompleteColumn())
    with Progress(*columns, console=session.out, transient=True) as shown:
        task = shown.add_task(text, total=total)
        yield lambda count: shown.advance(task, count)


def _chosen(session: Session, run: str | None, older_than: str | None) -> Sequence[Run]:
    engine = session.engine
    if run is not None:
        return [runs.need(engine.ports.tables, run_named(session, run)).run]
    before = engine.now - duration(older_than or "")
    latest = listed(session, session.door.latest(None, _PURGED_AT_ONCE))
    return [one for one in latest.runs if one.over and one.ended_at and one.ended_at < before]


def duration(text: str) -> timedelta:
    """Read a duration that somebody gave as an option. Raises CommandError."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError(str(error), Exit.USAGE) from error
