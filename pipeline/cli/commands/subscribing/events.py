"""`fanfare events`: the completion events that wait in a queue."""

import json
from typing import Annotated

import typer
from rich.text import Text

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.stack.config import COMPLETIONS
from pipeline.cli.subscribing.endpoints import checked_queue
from pipeline.cli.subscribing.heard import Heard, Unreadable
from pipeline.cli.subscribing.reader import Reader, follow, read
from pipeline.ports.queues import MAX_PEEKED

_STYLES = {"succeeded": "green", "failed": "bold red", "cancelled": "yellow"}


def events(
    context: typer.Context,
    queue: Annotated[
        str | None,
        typer.Option(
            "--queue",
            metavar="NAME",
            help="Queue to read; on a local stack by default `completions`.",
        ),
    ] = None,
    *,
    following: Annotated[
        bool, typer.Option("--follow", help="Go on with events as they come, until Ctrl-C.")
    ] = False,
    take: Annotated[
        bool, typer.Option("--take", help="Delete each event once it is shown.")
    ] = False,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=1000, help="At most this many messages.")
    ] = MAX_PEEKED,
) -> None:
    """Show the completion events in a queue: time, pipeline, run, verdict, manifest or cause.

    Without --take they stay for other readers, and the first 32 of the queue are shown. --json
    prints every event on a line of its own.
    """
    session: Session = context.obj
    queues = session.engine.ports.queues
    reader = Reader(queues, _queue_of(session, queue), _Printer(session), take)
    if following:
        follow(session, reader)
    shown = read(session, reader, limit)
    if not shown:
        session.note(f"No event waits in the queue {reader.queue}.")
    elif reader.full:
        session.note(
            f"These are the first {MAX_PEEKED}; more may wait behind them. "
            "--take takes them away, oldest first."
        )


def _queue_of(session: Session, named: str | None) -> str:
    if named is not None:
        return checked_queue(named)
    if not session.engine.local:
        raise CommandError(
            "Name the queue with --queue: a deployment has none for completion events by itself. "
            "`fanfare subscribe --queue NAME --print` tells how to make one.",
            Exit.USAGE,
        )
    return COMPLETIONS


class _Printer:
    """Prints events for people or programs; what is no event goes to standard error."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, said: Heard | Unreadable) -> None:
        if isinstance(said, Unreadable):
            self._complain(said)
        elif self._session.as_json:
            # Escaped, so that no text of a stranger can control a terminal.
            typer.echo(json.dumps(said.event))
        else:
            self._session.out.print(_styled(said), soft_wrap=True)

    def _complain(self, said: Unreadable) -> None:
        if self._session.as_json:
            typer.echo(json.dumps({"unreadable": said.reason}), err=True)
        else:
            self._session.note(f"A message cannot be read and stays: {said.reason}.")


def _styled(said: Heard) -> Text:
    time, pipeline, run, verdict, rest = said.words
    line = Text(f"{time} {pipeline} ", "dim").append(f"{run} ", "")
    return line.append(verdict, _STYLES.get(verdict, "")).append(f" {rest}", "dim")
