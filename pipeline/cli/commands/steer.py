"""`fanfare cancel`, `pause`, `resume`, `backfill`, `purge`: commands that change runs."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from pipeline.cli.doors.door import Advance
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.history import history
from pipeline.cli.lookup import listed, run_named
from pipeline.cli.project.completion import OnePipeline, PipelineArgument
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.notation.durations import parse_duration
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import Conflict
from pipeline.handlers.doors import http
from pipeline.handlers.ending import purge as purge_run
from pipeline.handlers.ending import steer
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting import admission, lost_events
from pipeline.handlers.starting.lost_events import event_of, is_below_watermark, without_run
from pipeline.handlers.starting.start import start_for_blob
from pipeline.ledger import index, listing, runs
from pipeline.ledger.keeping import retention
from pipeline.ports.blobs import BlobFacts

_PURGED_AT_ONCE = 1000
_LISTED = 5

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
    if pipeline is None:
        answer: dict[str, object] = {"pipelines": names, "paused": True, "changed": changed}
        text = f"{wording.count(len(names), 'pipeline')} paused: `fanfare resume --all` ends that."
        session.answer(answer, text)
        return
    text = f"{names[0]} is paused: new runs wait for `fanfare resume {names[0]}`."
    session.answer({"pipeline": names[0], "paused": True, "changed": bool(changed)}, text)


def resume(
    context: typer.Context, pipeline: OnePipeline = None, everything: AllPipelines = False
) -> None:
    """Resume a paused pipeline or all: their waiting runs begin."""
    session: Session = context.obj
    names = _pipelines(session, pipeline, everything)
    changed = [name for name in names if admission.resume(session.steering, name)]
    if pipeline is None:
        answer: dict[str, object] = {"pipelines": names, "paused": False, "changed": changed}
        session.answer(answer, f"{wording.count(len(changed), 'pipeline')} resumed.")
        return
    text = f"{names[0]} is resumed." if changed else f"{names[0]} was not paused."
    session.answer({"pipeline": names[0], "paused": False, "changed": bool(changed)}, text)


def _pipelines(session: Session, pipeline: str | None, everything: bool) -> list[str]:
    """Name the pipelines that a command means; all includes those that are no longer defined."""
    engine = session.engine
    if (pipeline is None) != everything:
        raise CommandError("Name a pipeline, or give --all.", Exit.USAGE)
    if pipeline is not None:
        return [engine.catalogue.pipeline(pipeline).name]
    return sorted({*engine.catalogue.pipelines, *index.pipelines(engine.ports.tables)})


def backfill(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    pipeline: PipelineArgument,
    *,
    newer_than: Annotated[
        str | None, typer.Option(help="Only blobs younger than this, such as 7d or 12h.")
    ] = None,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, help="At most this many runs.")
    ] = 1000,
    rerun: Annotated[
        bool, typer.Option("--rerun", help="Also blobs so old that their runs may be forgotten.")
    ] = False,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
) -> None:
    """Start runs for blobs that are older than the pipeline, or whose events were lost."""
    session: Session = context.obj
    engine = session.engine
    definition = engine.catalogue.pipeline(pipeline)
    if definition.trigger.blob is None:
        raise CommandError(
            f"Pipeline {definition.name} has no blob trigger: nothing can be backfilled.",
            Exit.USAGE,
        )
    since = engine.now - _duration(newer_than) if newer_than else datetime.min.replace(tzinfo=UTC)
    with session.busy("Comparing blobs with runs"):
        found, below = _without_run(engine, definition, since, limit, rerun=rerun)
    answer, text = _backfill_facts(session, definition.name, found)
    if below and not rerun:
        answer |= {"below_watermark": len(below)}
        text = f"{text} {_left_out(engine, definition.name, len(below))}"
    if dry_run or not found:
        names = [f"  {visible(facts.ref.name)}" for facts in found[:_LISTED]]
        session.answer(answer, "\n".join([text, *names]))
        return
    confirm(session, f"{text} Start their runs?", yes=yes)
    started = _start_all(session, definition, found, {facts.ref for facts in below})
    session.answer(
        answer | {"started": started},
        f"{wording.count(len(found), 'run')} started: `fanfare watch` follows them.",
    )


def _without_run(
    engine: Engine, pipeline: Pipeline, since: datetime, limit: int, *, rerun: bool
) -> tuple[list[BlobFacts], list[BlobFacts]]:
    """List the blobs to start, and those below the watermark: with `rerun` they are among both."""
    found: list[BlobFacts] = []
    below: list[BlobFacts] = []
    for facts in without_run(engine, pipeline, since, engine.now):
        old = is_below_watermark(engine, pipeline, facts)
        if old and len(below) < limit:
            below.append(facts)
        if not old or rerun:
            found.append(facts)
        if len(found) >= limit:
            break
    return found, below


def _start_all(
    session: Session, pipeline: Pipeline, found: Sequence[BlobFacts], below: set[BlobRef]
) -> list[str]:
    started = []
    with progress(session, "Starting runs", len(found)) as advance:
        for facts in found:
            if facts.ref in below:
                new = lost_events.rerun(session.steering, pipeline, facts)
            else:
                new = start_for_blob(session.steering, pipeline, event_of(session.engine, facts))
            started.append(new.run.id)
            advance(1)
    return started


def _left_out(engine: Engine, pipeline: str, count: int) -> str:
    watermark = retention.watermark(engine.ports.tables, pipeline)
    blobs = wording.count(count, "blob")
    return (
        f"{blobs} from before {watermark:%Y-%m-%d} left out: their runs may be forgotten, so they "
        f"may have run; `fanfare backfill {pipeline} --rerun` starts them, too."
    )


def _backfill_facts(
    session: Session, pipeline: str, found: Sequence[BlobFacts]
) -> tuple[dict[str, object], str]:
    """Describe what a backfill would start and what that may cost."""
    known = history(session.door, pipeline)
    each = known.cost_per_run
    expected = None if each is None else each * len(found)
    about = "unknown" if expected is None else wording.money(expected, known.currency)
    total = sum(facts.size for facts in found)
    answer: dict[str, object] = {
        "pipeline": pipeline,
        "blobs": [f"{facts.ref.container}/{facts.ref.name}" for facts in found],
        "bytes": total,
        "expected_cost": expected,
        "currency": known.currency or None,
        "started": [],
    }
    size = wording.size(total)
    return (
        answer,
        f"{wording.count(len(found), 'blob')} without a run, {size}; expected cost {about}.",
    )


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
    before = engine.now - _duration(older_than or "")
    latest = listed(session, session.door.latest(None, _PURGED_AT_ONCE))
    return [one for one in latest.runs if one.over and one.ended_at and one.ended_at < before]


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise CommandError(str(error), Exit.USAGE) from error
