"""`fanfare backfill`: starts runs for blobs that have none."""

from typing import Annotated

import typer

from pipeline.cli.commands.steering.steer import (
    DryRunOption,
    YesOption,
    confirm,
    duration,
    progress,
)
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.history import history
from pipeline.cli.project.completion import PipelineArgument
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.domain.texts.visible import visible
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting.backfill import Asked, Found, begin_anew, go_on, survey
from pipeline.ledger.keeping import retention

_LISTED = 5


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
    """Start runs for blobs that are older than the pipeline, or whose events were lost.

    If it is interrupted, or reaches its limit, the same command goes on there for a day. No blob
    starts twice.
    """
    session: Session = context.obj
    engine = session.engine
    definition = engine.catalogue.pipeline(pipeline)
    if definition.trigger.blob is None:
        raise CommandError(
            f"Pipeline {definition.name} has no blob trigger: nothing can be backfilled.",
            Exit.USAGE,
        )
    asked = Asked(definition, duration(newer_than) if newer_than else None, rerun)
    found = _look(session, asked, limit)
    answer, text = _facts(session, definition.name, found)
    if found.below and not rerun:
        answer["below_watermark"] = found.below
        text = f"{text} {_left_out(engine, definition.name, found.below)}"
    if dry_run or not found.names:
        names = [f"  {visible(name.partition('/')[2])}" for name in found.names[:_LISTED]]
        session.answer(answer, "\n".join([text, *names]))
        if found.after and not dry_run:
            begin_anew(engine, asked)  # no blob is left after that one
        return
    confirm(session, f"{text} Start their runs?", yes=yes)
    _start(session, asked, len(found.names), answer)


def _look(session: Session, asked: Asked, limit: int) -> Found:
    found = Found()
    with session.busy("Comparing blobs with runs") as status:
        for found in survey(session.engine, asked, limit):
            if status:
                status.update(f"Comparing blobs with runs: {found.looked:,}")
    return found


def _start(session: Session, asked: Asked, most: int, answer: dict[str, object]) -> None:
    """Start the runs slice by slice, and say how many."""
    started: list[str] = []
    over = False
    with progress(session, "Starting runs", most) as advance:
        while not over and len(started) < most:
            done = go_on(session.steering.begun(), asked, most - len(started), advance)
            started += done.started
            over = done.over
    said = f"{wording.count(len(started), 'run')} started: `fanfare watch` follows them."
    if not over:
        said += " There may be more blobs: the same command goes on after these."
    session.answer(answer | {"started": started, "over": over}, said)


def _left_out(engine: Engine, pipeline: str, count: int) -> str:
    watermark = retention.watermark(engine.ports.tables, pipeline)
    blobs = wording.count(count, "blob")
    return (
        f"{blobs} from before {watermark:%Y-%m-%d} left out: their runs may be forgotten, so they "
        f"may have run; `fanfare backfill {pipeline} --rerun` starts them, too."
    )


def _facts(session: Session, pipeline: str, found: Found) -> tuple[dict[str, object], str]:
    """Describe what a backfill would start and what that may cost."""
    known = history(session.door, pipeline)
    each = known.cost_per_run
    expected = None if each is None else each * len(found.names)
    about = "unknown" if expected is None else wording.money(expected, known.currency)
    answer: dict[str, object] = {
        "pipeline": pipeline,
        "blobs": found.names,
        "bytes": found.bytes,
        "expected_cost": expected,
        "currency": known.currency or None,
        "goes_on_after": found.after or None,
        "started": [],
    }
    size, blobs = wording.size(found.bytes), wording.count(len(found.names), "blob")
    text = f"{blobs} without a run, {size}; expected cost {about}."
    if found.after:
        text = f"Going on after {visible(found.after)}, where a backfill stopped: {text}"
    return answer, text
