"""`fanfare diff`: what differs between two runs."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import Annotated

import typer

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.fetching.committed import ended, output_of
from pipeline.cli.lookup import run_named
from pipeline.cli.session import Session, exit_code
from pipeline.cli.views import comparison as display
from pipeline.domain.outputs.comparison import Side, compare, equal, must_read
from pipeline.domain.runs.keeping.tombstones import is_tombstone
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError, NotFound

_READ = 64 << 20  # bytes of an input; a larger one is compared by its ETag
_RUN = "Run id, the start of one, or `latest`."


def diff(
    context: typer.Context,
    before: Annotated[str, typer.Argument(help=_RUN, metavar="RUN")],
    after: Annotated[str, typer.Argument(help=_RUN, metavar="RUN")],
) -> None:
    """Tell what differs between two runs: code 0 if nothing that counts, 1 if so, 2 in trouble."""
    session: Session = context.obj
    with _trouble_is_two():
        session.need_direct()  # over HTTP nobody sees definitions, so they would seem the same
        sides = [_side(session, run_named(session, run)) for run in (before, after)]
        if must_read(sides[0].run, sides[1].run):
            with session.busy("Comparing the inputs"):
                sides = [replace(side, input_sha256=_digest(session, side.run)) for side in sides]
        found = compare(*sides)
    runs = [side.run.id for side in sides]
    answer = {
        "runs": runs,
        "equal": equal(found),
        "differences": [asdict(one) | {"change": one.change} for one in found],
    }
    session.answer(answer, display.differences(runs, found))
    if not equal(found):
        raise typer.Exit(Exit.FAILED)


def _side(session: Session, run_id: str) -> Side:
    run = ended(session, run_id)
    if is_tombstone(run):
        raise CommandError(
            f"Run {run.id} is so old that its definition and programs were forgotten on "
            f"{run.purged_at:%Y-%m-%d}: compare files of outputs after `fanfare get`."
        )
    if run.output is None:
        return Side(run)
    return Side(run, {file.name: file for file in output_of(session, run).files()})


def _digest(session: Session, run: Run) -> str:
    """Return the SHA-256 of the pinned input; "" if it is too large or no longer there."""
    assert run.input is not None  # noqa: S101 - `must_read` looked
    if run.input.size > _READ:
        return ""
    digest = hashlib.sha256()
    try:
        for chunk in session.engine.ports.blobs.stream(run.input.ref):
            digest.update(chunk)
    except NotFound:
        return ""
    return digest.hexdigest()


@contextmanager
def _trouble_is_two() -> Iterator[None]:
    """Let code 1 mean that runs differ, and nothing else, as `diff` does."""
    try:
        yield
    except FanfareError as error:
        code = exit_code(error)
        raise CommandError(str(error), Exit.USAGE if code is Exit.FAILED else code) from error
