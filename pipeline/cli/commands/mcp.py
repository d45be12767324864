"""`fanfare mcp`: the commands as tools of an assistant."""

from importlib import import_module
from importlib.util import find_spec

import typer

from pipeline.cli.assisting.answers import asking
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session


def mcp(context: typer.Context) -> None:
    """Serve an assistant over standard input and output (Model Context Protocol).

    It can list and show runs, say why one waits, read logs, and plan. Before it starts, cancels or
    redrives a run, a person has to agree, each time.
    """
    session: Session = context.obj
    if find_spec("mcp") is None:
        raise CommandError(
            "The package mcp is not installed: install the engine with it, "
            "`uv tool install --with mcp fanfare_engine-VERSION-py3-none-any.whl`.",
            Exit.USAGE,
        )
    # Its package has parts that take a second, which no other command should pay.
    server = import_module("pipeline.cli.assisting.server")
    target = session.url.name if session.url else session.target
    ask = asking(session.project, target, direct=session.direct)
    server.server_of(session.project, ask).run("stdio")
