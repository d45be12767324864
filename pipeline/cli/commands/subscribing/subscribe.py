"""`fanfare subscribe` and `unsubscribe`: who is told that a run ended."""

import json
from collections.abc import Mapping
from importlib import import_module
from typing import Annotated

import typer

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.completion import pipelines
from pipeline.cli.session import Session
from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.stack.grid import EventGrid
from pipeline.cli.subscribing import azure
from pipeline.cli.subscribing.described import described
from pipeline.cli.subscribing.endpoints import checked_queue, checked_url
from pipeline.cli.subscribing.local import Subscriptions
from pipeline.cli.subscribing.wanted import Filter, Verdict, Wanted, checked_name, named
from pipeline.cli.views import subscriptions as display

PrintOption = Annotated[
    bool, typer.Option("--print", help="Change nothing: print what would make or end it.")
]
PipelinesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--pipeline",
        metavar="NAME",
        help="Only runs of this one; repeatable.",
        autocompletion=pipelines,
    ),
]


def subscribe(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(metavar="URL", help="What gets each event; it must answer the handshake."),
    ] = None,
    *,
    queue: Annotated[
        str | None,
        typer.Option("--queue", metavar="NAME", help="Put the events into this queue instead."),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="Its name; default: made from the target."),
    ] = None,
    pipeline: PipelinesOption = None,
    verdict: Annotated[
        list[Verdict] | None, typer.Option("--verdict", help="Only such ends; repeatable.")
    ] = None,
    printed: PrintOption = False,
    listing: Annotated[
        bool, typer.Option("--list", help="List who is told, and make nothing.")
    ] = False,
) -> None:
    """Have a URL or a queue told of every run that ends, or of some of them.

    It lasts until `fanfare unsubscribe`. A deployment is never changed: --print gives the commands.
    """
    session: Session = context.obj
    if listing and (url or queue or name or pipeline or verdict or printed):
        raise CommandError("--list lists all subscriptions: give nothing else.", Exit.USAGE)
    if listing:
        _list(session)
        return
    if (url is None) == (queue is None):
        raise CommandError("Give a URL or --queue NAME, or --list: one of them.", Exit.USAGE)
    wanted = _wanted(session, url, queue, name, Filter.of(pipeline or (), verdict or ()))
    if printed:
        _print(session, wanted)
    else:
        _make(session, wanted)


def unsubscribe(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name, as `fanfare subscribe --list` shows it.")],
    printed: PrintOption = False,
) -> None:
    """End a subscription: no further event goes there. A queue stays, with what is in it."""
    session: Session = context.obj
    checked_name(name)
    if _is_local(session):
        there = _local(session)
        there.need(name)
        if not printed:
            there.unsubscribe(name)
        text = f"Would end the subscription {name}." if printed else f"Ended {name}."
        session.answer({"name": name, "ended": not printed}, text)
        return
    command = azure.deletion(azure.Topic.of(session.values()), name)
    if not printed:
        raise _only_printed()
    session.answer({"commands": [command]}, display.printed({"by the Azure CLI:": [command]}))


def _wanted(
    session: Session, url: str | None, queue: str | None, name: str | None, only: Filter
) -> Wanted:
    """Check what was asked for, before anything is done. Raises CommandError."""
    if only.pipelines:
        catalogue = session.definitions()
        for pipeline in only.pipelines:
            catalogue.pipeline(pipeline)
    target = checked_url(url, public=not _is_local(session)) if url is not None else ""
    into = checked_queue(queue) if queue is not None else ""
    return Wanted(named(name, target, into), target, into, only)


def _make(session: Session, wanted: Wanted) -> None:
    if not _is_local(session):
        raise _only_printed()
    there = _local(session)

    def prepare() -> None:
        if wanted.queue:
            provision = import_module("pipeline.adapters.provision")
            provision.create_queue(session.settings(), wanted.queue)

    with session.busy(f"Asking {wanted.target} whether it takes events"):
        new = there.subscribe(wanted, prepare)
    answer = {**described(wanted.name, wanted.properties()), "already": not new}
    before = "" if new else "Nothing changed. "
    told = f"{before}The events of {wanted.filter.words()} go to {wanted.target}."
    end = session.addressed(f"fanfare unsubscribe {wanted.name}")
    session.answer(answer, told if wanted.name == COMPLETIONS else f"{told} To end that: {end}")


def _print(session: Session, wanted: Wanted) -> None:
    if _is_local(session):
        body = {"topic": TOPIC, "name": wanted.name, "properties": wanted.properties()}
        session.answer(body, json.dumps(body, indent=2))
        return
    topic = azure.Topic.of(session.values())
    commands, entry = azure.commands(topic, wanted), azure.entry(topic, wanted)
    # The template does not make queues.
    queue = "; the queue by the first command above" if wanted.queue else ""
    heads = {
        "now, by the Azure CLI:": commands,
        "or by `azd provision`, with this entry of `subscribers` in infra/main.parameters.json"
        f"{queue}:": [json.dumps(entry)],
    }
    session.answer({"commands": commands, "subscriber": entry}, display.printed(heads))


def _list(session: Session) -> None:
    rows = [described(name, properties) for name, properties in sorted(_found(session).items())]
    session.answer({"subscriptions": rows}, display.table(rows))


def _found(session: Session) -> Mapping[str, Mapping[str, object]]:
    if _is_local(session):
        return _local(session).all()
    topic = azure.Topic.of(session.values())
    with session.busy("Asking Azure who is told"):
        return session.subscriptions(topic.subscription, topic.group, topic.name)


def _local(session: Session) -> Subscriptions:
    return Subscriptions(EventGrid.of(session.stack()), session.addressed)


def _is_local(session: Session) -> bool:
    return session.settings().local


def _only_printed() -> CommandError:
    return CommandError(
        "Nothing was changed: this does not change a deployment. The same command with --print "
        "prints what does.",
        Exit.USAGE,
    )
