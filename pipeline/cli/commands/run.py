"""`fanfare run`, `redrive` and `watch`: start runs, or follow active ones."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType

from pipeline.cli.commands import up_down
from pipeline.cli.doors.door import Advance, Wanted
from pipeline.cli.edits import note_edits, refuse_edits
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.fetching.fetch import fetch_all
from pipeline.cli.follow import follow, verdict_of
from pipeline.cli.lookup import RunArgument, run_named
from pipeline.cli.project.completion import PipelineArgument
from pipeline.cli.session import Deadline, Session, TimeoutOption, WaitOption, exit_code
from pipeline.cli.starting import listing, requests, uploads
from pipeline.cli.starting.listing import Listed
from pipeline.cli.starting.uploads import Order
from pipeline.cli.views import runs as display
from pipeline.cli.views.page import Page
from pipeline.cli.views.transfers import transfer
from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.errors import FanfareError
from pipeline.handlers.collecting.standing import Standing
from pipeline.handlers.doors import http

_FAILURES_SHOWN = 3
_PAGES_SHOWN = 2  # of runs that were started together
_WATCHED = 50
_IDLE_POLL_S = 1.0

_Parameters = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", help="name=value; give one for each parameter."),
]
_With = Annotated[
    Path | None,
    typer.Option("--with", help="Folder of blobs that the file lists: upload them first."),
]
_AsDeployed = Annotated[
    bool, typer.Option("--as-deployed", help="Ignore local edits: run what the app has.")
]
_Into = Annotated[
    Path | None, typer.Option("--get", metavar="DIR", help="Then fetch the output into DIR.")
]


def run(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    pipeline: PipelineArgument,
    files: Annotated[
        list[Path] | None, typer.Argument(help="Files to upload; one run each.")
    ] = None,
    *,
    parameter: _Parameters = None,
    name: Annotated[str | None, typer.Option(help="Name of the uploaded blob.")] = None,
    folder: _With = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same key starts only one run.")
    ] = None,
    as_deployed: _AsDeployed = False,
    into: _Into = None,
    wait: WaitOption = True,
    timeout: TimeoutOption = None,
) -> None:
    """Start runs of a pipeline, one for each file, and follow them to their end.

    The local stack is started if it is the target and is down. With several files, `--get` makes a
    folder for each.
    """
    session: Session = context.obj
    _check_folder(into, wait=wait)
    up_down.ensure_up(session)
    deadline = Deadline.begun(session, timeout)
    given = uploads.parse_parameters(parameter or [])
    inputs: Sequence[Path | None] = files or [None]
    wanted = [Wanted(pipeline, given, file, name, key) for file in inputs]
    if session.address:
        started = _requested(session, wanted, folder)
    else:
        started = _started(session, wanted, folder, deadline, as_deployed=as_deployed)
    if not wait:
        session.answer({"runs": started}, "\n".join(started))
        return
    code = finished(session, started, deadline)
    if into:
        places = _places(into, files or [], started)
        with keeping(session, started, "get"):
            fetch_all(session, dict(zip(started, places, strict=True)), into)
    leave(code)


def _requested(session: Session, wanted: Sequence[Wanted], folder: Path | None) -> list[str]:
    """Start runs over HTTP."""
    if folder:
        raise CommandError("--with uploads to a container: it needs --direct.", Exit.USAGE)
    requests.check(session, wanted)
    return _each(session, wanted, lambda one: _request(session, one))


def _each[T](session: Session, wanted: Sequence[T], start: Callable[[T], str]) -> list[str]:
    """Start runs one after the other; an error names those that have started."""
    started: list[str] = []
    for one in wanted:
        with keeping(session, started, "watch"):
            started.append(start(one))
    return started


def _started(
    session: Session,
    wanted: Sequence[Wanted],
    folder: Path | None,
    deadline: Deadline,
    *,
    as_deployed: bool,
) -> list[str]:
    """Start runs by uploads where the pipeline listens, or else by requests."""
    first = wanted[0]
    definition = session.engine.catalogue.pipeline(first.pipeline)
    order = Order(definition, first.parameters, first.name, first.key)
    uploads.check(order, [one.file for one in wanted if one.file])
    listed = listing.files(definition, folder) if folder else []
    if not as_deployed:
        refuse_edits(session, definition, "To run what the app has: --as-deployed.")
    _upload_listed(session, listed)
    return _each(session, wanted, lambda one: _start(session, order, one.file, deadline))


def _check_folder(into: Path | None, *, wait: bool) -> None:
    """Refuse, before anything starts, a folder that cannot take the output."""
    if into and not wait:
        raise CommandError("--get needs the end of the run: leave out --no-wait.", Exit.USAGE)
    if into and (into / naming.MANIFEST).exists():
        raise CommandError(
            f"{into} has the output of an earlier run: name another folder.", Exit.USAGE
        )
    there = into and next(one for one in (into, *into.absolute().parents) if one.exists())
    if there and not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        raise CommandError(
            f"{into} cannot take an output, because {there} is no folder in which you may write: "
            "name another one.",
            Exit.USAGE,
        )


def _places(into: Path, files: Sequence[Path], started: Sequence[str]) -> list[Path]:
    """Return where the output of each run goes: a folder by the name of its input if several."""
    if len(started) == 1:
        return [into]
    names = [file.name for file in files]
    return [
        into / (file.name if names.count(file.name) == 1 else f"{file.name}-{run}")
        for file, run in zip(files, started, strict=True)
    ]


def redrive(
    context: typer.Context, run: RunArgument, wait: WaitOption = True, timeout: TimeoutOption = None
) -> None:
    """Redrive a run that is over: execute only what failed, and keep what succeeded."""
    session: Session = context.obj
    deadline = Deadline.begun(session, timeout)
    redriven = session.door.redrive(run_named(session, run))
    if not session.address:
        definition = session.engine.catalogue.pipelines.get(redriven.pipeline)
        if definition:
            note_edits(session, definition)
    session.note(f"Generation {redriven.generation} of {redriven.id} begins.")
    if wait:
        finish(session, [redriven.id], deadline)
    else:
        session.answer(http.view(redriven, None), redriven.id)


def watch(
    context: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(help="Run id, the start of one, or `latest`; default: all active runs."),
    ] = None,
    timeout: TimeoutOption = None,
) -> None:
    """Follow one run, or all active runs, to the end."""
    session: Session = context.obj
    deadline = Deadline.begun(session, timeout)
    if run is not None:
        finish(session, [run_named(session, run)], deadline)
        return
    going = [one.id for one in session.door.latest(None, _WATCHED, active=True).runs]
    if not going:
        session.answer({"runs": []}, "No run is active: `fanfare ls` lists the latest runs.")
        return
    finish(session, going, deadline)


def finish(session: Session, started: Sequence[str], deadline: Deadline) -> None:
    """Follow runs to their end, print how they ended, and exit with the code for it."""
    leave(finished(session, started, deadline))


def finished(session: Session, started: Sequence[str], deadline: Deadline) -> Exit:
    """Follow runs to their end, print how they ended, and return the code for it."""
    try:
        with keeping(session, started, "watch", Exit.UNREACHABLE):
            standings = follow(session, started, deadline)
            shown = [] if session.as_json else _ends(session, standings)
    except KeyboardInterrupt:
        session.note(f"The work continues. To follow it: fanfare watch {started[0]}")
        raise
    views = [http.view(where.run, where.obstacle) for where in standings]
    session.answer(views[0] if len(views) == 1 else {"runs": views}, Group(*shown))
    return verdict_of(standings)


@contextmanager
def keeping(
    session: Session, started: Sequence[str], command: str, code: Exit = Exit.FAILED
) -> Iterator[None]:
    """Add to an error the runs that have started, and the command that goes on with them.

    `code` takes the place of the code for a failed run. Raises CommandError.
    """
    try:
        yield
    except FanfareError as error:
        found = exit_code(error)
        if not started or found is Exit.TIMED_OUT:
            raise
        goes_on = session.addressed(f"fanfare {command} {started[0]}")
        text = f"{error} Runs: {', '.join(started)}. To go on: `{goes_on}`."
        raise CommandError(text, code if found is Exit.FAILED else found) from error


def _ends(session: Session, standings: Sequence[Standing]) -> list[RenderableType]:
    """Draw each run on a page, or many as a list and the pages of some that failed."""
    if len(standings) <= _PAGES_SHOWN:
        return [_page(session, where) for where in standings]
    failed = [where for where in standings if where.run.state is not State.SUCCEEDED]
    pages = [_page(session, where) for where in failed[:_PAGES_SHOWN]]
    ran = [where.run for where in standings]
    return [display.run_table(ran, session.door.now, session.out.width), *pages]


def leave(code: Exit) -> None:
    """End the command with a code."""
    if code is not Exit.OK:
        raise typer.Exit(code)


def _page(session: Session, where: Standing) -> RenderableType:
    door = session.door
    failed = door.failed(where.run, _FAILURES_SHOWN) if where.failed else []
    return Page(where, door.manifest(where.run), failed, door.now)


def _upload_listed(session: Session, listed: Sequence[Listed]) -> None:
    for one in listed:
        with _uploading(session, one.file) as advance:
            uploads.send(session, one.ref, one.file, {}, advance)


def _start(session: Session, order: Order, file: Path | None, deadline: Deadline) -> str:
    if file is None or uploads.by_request(order):
        name = order.pipeline.name
        return _request(session, Wanted(name, order.parameters, file, order.name, order.key))
    with _uploading(session, file) as advance:
        started = uploads.start_by_upload(session, order, file, advance)
    with session.busy("Uploaded; waiting for its event"):
        uploads.wait_for_start(session, started, deadline)
    return started


def _request(session: Session, wanted: Wanted) -> str:
    with _uploading(session, wanted.file) as advance:
        return session.door.start(wanted, advance)


@contextmanager
def _uploading(session: Session, file: Path | None) -> Iterator[Advance]:
    """Show the progress of an upload if a person watches."""
    if file is None or not session.lively:
        yield lambda _: None
        return
    with transfer(session.out, f"upload {file.name!a}", file.stat().st_size) as advance:
        yield advance
