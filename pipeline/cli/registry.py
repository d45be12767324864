"""Which module has which command; a module is imported when its command is used.

Importing all of them takes half a second, which no single command should pay.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from itertools import takewhile
from typing import Any, cast

import typer
from typer._click.exceptions import UsageError  # Typer gives it no public name
from typer.core import TyperCommand, TyperGroup

_COMMANDS = "pipeline.cli.commands"
_SESSION = "pipeline.cli.session"


@dataclass(frozen=True)
class Group:
    """Commands behind one word, and what the help says of them."""

    help: str
    commands: Mapping[str, str]


ENTRIES: Mapping[str, str | Group] = {
    "init": "project.init:init",
    "new": "project.new:new",
    "try": "trying.try_:try_",
    "test": "trying.test:test",
    "up": "up_down:up",
    "down": "up_down:down",
    "ready": "stack.ready:ready",
    "dev": "stack.dev:dev",
    "run": "run:run",
    "plan": "plan:plan",
    "ls": "read:ls",
    "show": "read:show",
    "watch": "run:watch",
    "logs": "answers.logs:logs",
    "get": "answers.get:get",
    "verify": "answers.get:verify",
    "open": "answers.get:open",
    "diff": "answers.diff:diff",
    "subscribe": "subscribing.subscribe:subscribe",
    "unsubscribe": "subscribing.subscribe:unsubscribe",
    "events": "subscribing.events:events",
    "cancel": "steering.steer:cancel",
    "redrive": "run:redrive",
    "backfill": "steering.backfill:backfill",
    "pause": "steering.steer:pause",
    "resume": "steering.steer:resume",
    "purge": "steering.steer:purge",
    "preflight": "preflight:preflight",
    "doctor": "doctor:doctor",
    "smoke": "smoke:smoke",
    "cost": "cost:cost",
    "sample": "sample:sample",
    "env": "env:env",
    "use": "project.use:use",
    "package": "project.package:package",
    "mcp": "mcp:mcp",
    "schema": "read:schema",
    "ledger": Group(
        "Export the ledger, or rebuild it after a loss.",
        {"export": "ledger:export", "rebuild": "ledger:rebuild"},
    ),
}


class Commands(Mapping[str, object]):
    """The commands of a group by their names, each made when it is asked for."""

    def __init__(self, entries: Mapping[str, str | Group]) -> None:
        self._entries = entries
        self._made: dict[str, object] = {}

    def __getitem__(self, name: str) -> object:
        """Return a command. Raises KeyError."""
        if name not in self._made:
            self._made[name] = typer.main.get_command(_typer_of(name, self._entries[name]))
        return self._made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def group_of(entries: Mapping[str, str | Group]) -> type[TyperGroup]:
    """Return the class of a group that has these commands."""

    class OnDemand(TyperGroup):
        def __init__(self, **given: Any) -> None:  # noqa: ANN401 - Typer's own arguments, passed on
            super().__init__(**given)
            self.commands = cast("Any", Commands(entries))

    return OnDemand


class _Command(TyperCommand):
    """A command that also tells wrong use in JSON where its answer would be JSON."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,  # noqa: ANN401 - Typer's own arguments, passed on
        **extra: Any,  # noqa: ANN401 - as `parent`
    ) -> Any:  # noqa: ANN401 - as `parent`
        """Read the arguments. Raises Exit for wrong use that is told in JSON."""
        in_json = "--json" in takewhile(lambda word: word != "--", args)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except UsageError as error:
            if not in_json:
                raise
            answer = {"error": error.format_message(), "code": error.exit_code}
            typer.echo(json.dumps(answer), err=True)
            raise typer.Exit(error.exit_code) from error


def _typer_of(name: str, entry: str | Group) -> typer.Typer:
    if isinstance(entry, Group):
        made = typer.Typer(
            name=name,
            cls=group_of(entry.commands),
            help=entry.help,
            no_args_is_help=True,
            add_completion=False,
            rich_markup_mode=None,
        )
        made.callback()(_nothing)
        return made
    module, _, function = entry.partition(":")
    wrapped = import_module(_SESSION).command(
        getattr(import_module(f"{_COMMANDS}.{module}"), function)
    )
    made = typer.Typer(add_completion=False, rich_markup_mode=None)
    made.command(name, cls=_Command)(wrapped)
    return made


def _nothing() -> None:
    pass
