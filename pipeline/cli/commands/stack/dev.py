"""`fanfare dev`: the local stack, and at once what is wrong with a file that was saved."""

import json
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.commands import up_down
from pipeline.cli.developing.files import Files, Kind, Told
from pipeline.cli.developing.runs import Runs
from pipeline.cli.session import Session
from pipeline.cli.stack.config import Wishes
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.definitions.pool import Pool
from pipeline.errors import Transient

_POLL_S = 0.2
_RUNS_POLL_S = 1.0  # each look at runs is many requests
_PATIENCE = 50  # looks in a row at which the stack may not answer
_STYLES: Mapping[Kind, str] = {
    Kind.SAVED: "dim",
    Kind.PROBLEM: "bold red",
    Kind.READY: "green",
    Kind.LOG: "yellow",
    Kind.NEXT: "dim",
}


def dev(
    context: typer.Context,
    data: up_down.DataOption = None,
    *,
    port: up_down.PortOption = 0,
    published: Annotated[
        bool,
        typer.Option("--published", help="In a container: answer on its published ports, too."),
    ] = False,
) -> None:
    """Start the local stack, and follow what you save and what runs, until Ctrl-C.

    What is saved is what the next run uses. Mistakes in definitions appear at once, with file and
    line; so does what failed items print. A stack that was up before stays up.
    """
    session: Session = context.obj
    stack = session.stack(data)
    stays = stack.running()
    end_in_order()
    try:
        started = up_down.bring_up(session, stack, Wishes(port=port, published=published))
        session.target = stack.data
        session.note("Following this project and its runs. Ctrl-C ends it.")
        session.note(f"To have a program told of ended runs: {stack.against('subscribe URL')}")
        _follow(session, started.catalogue.pools)
    except KeyboardInterrupt:
        session.note("The local stack stays up." if stays else "Stopping the local stack.")
    finally:
        if not stays:
            up_down.stop(session, stack, force=False)


def _follow(session: Session, pools: Mapping[str, Pool]) -> None:
    """Tell of saved files and of runs until the stack is gone for long. Raises Transient."""
    provision = import_module("pipeline.adapters.provision")

    def prepare(pools: Mapping[str, Pool]) -> None:
        provision.provision(session.settings(), up_down.bodies_of(pools))

    files = Files(session.project, session.definitions, prepare, pools)
    _tell(session, files.first())
    runs, failures, looked = Runs(session), 0, 0.0
    while True:
        try:
            _tell(session, files.look())
            if session.monotonic() - looked >= _RUNS_POLL_S:
                looked = session.monotonic()
                _tell(session, runs.look())
            failures = 0
        except Transient:
            failures += 1
            if failures >= _PATIENCE:
                raise
        session.sleep(_POLL_S)


def _tell(session: Session, told: Iterable[Told]) -> None:
    for one in told:
        if session.as_json:
            typer.echo(json.dumps({"kind": one.kind, "text": one.text, **one.more}))
        else:
            line = Text(f"{one.kind:8}", "dim").append(one.text, _STYLES.get(one.kind, ""))
            session.out.print(line, soft_wrap=True)
