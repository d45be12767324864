"""What every command gets: the target's engine, the terminal, and the ways to answer."""

import functools
import inspect
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Self, cast

import typer
from rich.console import Console, RenderableType
from rich.status import Status

from pipeline.cli import target
from pipeline.cli.checks import Ward
from pipeline.cli.doors.address import Address
from pipeline.cli.doors.direct import DirectDoor
from pipeline.cli.doors.door import Door
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project import targets
from pipeline.cli.project.folder import Project, chosen
from pipeline.cli.project.targets import Target
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.target import caller, connect, definitions
from pipeline.domain.catalogue.catalogue import Catalogue, DefinitionError
from pipeline.domain.definitions.parameters import InvalidParameters
from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.texts.visible import visible
from pipeline.errors import Conflict, FanfareError, Transient
from pipeline.handlers.engine import Engine
from pipeline.settings import SettingMissing, Settings

_PIPE_WIDTH = 240
_TARGET_HELP = (
    "Environment of azd, env file, or URL of an app; default: what `fanfare use` says, or local."
)
_DIRECT_HELP = "Work on Storage and Batch themselves, not over HTTP: needs roles there."
_PROJECT_HELP = "Folder with pipelines/ and pools/; default: the one around the current folder."
_COMMON: dict[str, tuple[object, object]] = {
    "target": (
        Annotated[str | None, typer.Option("--target", metavar="TARGET", help=_TARGET_HELP)],
        None,
    ),
    "project": (
        Annotated[Path | None, typer.Option("--project", metavar="DIR", help=_PROJECT_HELP)],
        None,
    ),
    "direct": (Annotated[bool, typer.Option("--direct", help=_DIRECT_HELP)], False),
    "as_json": (Annotated[bool, typer.Option("--json", help="Answer in JSON.")], False),
}


@dataclass
class Session:
    """The surroundings of one command; tests pass an engine and a clock that does not wait."""

    connect: Callable[[Path | None, Project], Engine] = connect
    catalogue: Callable[[Project], Catalogue] = definitions
    caller: Callable[[Path | None, Engine, Project], Asker] = caller
    remote: Callable[[Address, Callable[[str], None]], Door] = target.remote
    ward: Callable[[float], Ward] | None = None  # what `doctor` checks in tests
    subscriptions: Callable[[str, str, str], Mapping[str, Mapping[str, object]]] = (
        target.subscriptions
    )
    cache: Path | None = None  # where tests let `open` fetch, and what they let it open with
    open_there: Callable[[Path], bool] | None = None
    sleep: Callable[[float], None] = time.sleep
    monotonic: Callable[[], float] = time.monotonic
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))
    target: Path | None = None
    url: Target | None = None  # of the app, where that is what the target was called
    direct: bool = False
    command: str = ""
    folder: Path | None = None  # of the project, if it was named
    as_json: bool = False

    @functools.cached_property
    def project(self) -> Project:
        """The project that the command works on. Raises CommandError if there is none."""
        return chosen(self.folder)

    def definitions(self) -> Catalogue:
        """Read the definitions of the project. Raises DefinitionError."""
        return self.catalogue(self.project)

    def aim(self, named: str | None) -> None:
        """Choose the target: the one that is named, or that the project has saved.

        Raises CommandError if there is no such target.
        """
        project = self.project_if_any()
        if named is not None:
            self._take(targets.named(named, project))
        elif self.target is None and project:
            saved = targets.chosen(project)
            self._take(saved)
            if saved.name != targets.LOCAL:
                self.note(f"target: {saved.name}")

    def _take(self, chosen: Target) -> None:
        self.target = chosen.path
        self.url = chosen if targets.is_url(chosen.name) else None

    @functools.cached_property
    def address(self) -> Address | None:
        """Where the target answers over HTTP; None if commands work on its services directly.

        Raises CommandError if it is an app for which nobody could have a token.
        """
        if self.url and self.direct:
            raise CommandError(
                "An address does not say where Storage and Batch are: with --direct name an "
                "environment of azd or an env file as --target.",
                Exit.USAGE,
            )
        if self.url:
            return target.address_of_url(self.url, self.project_if_any(), os.environ)
        return None if self.direct else target.address_of(self.target)

    @functools.cached_property
    def door(self) -> Door:
        """The way to the target's runs: over HTTP, or through the engine."""
        if self.address:
            return self.remote(self.address, self.note)
        return DirectDoor(self.engine, lambda: self.steering)

    def project_if_any(self) -> Project | None:
        """Return the project, or None where there is none."""
        try:
            return self.project
        except CommandError:
            return None

    def stack(self, data: Path | None = None) -> LocalStack:
        """Return the local stack of a folder, by default that of the target."""
        if data is None and self.url:
            raise self._direct_only()
        return LocalStack(data or target.folder_of(self.target, self.project), self.project)

    def values(self) -> dict[str, str]:
        """Read all values of the target's env file. Raises StackDown."""
        if self.url:
            raise self._direct_only()
        return target.environment_of(self.target, self.project)

    def settings(self) -> Settings:
        """Read the target's settings. Raises StackDown or SettingMissing."""
        if self.url:
            raise self._direct_only()
        return target.settings_of(self.target, self.project)

    def addressed(self, remedy: str) -> str:
        """Return a remedy whose commands name the target, so that they can be pasted.

        They do not name a URL that commands of the project use anyway.
        """
        project = self.project_if_any()
        if self.url and project and targets.url_of(project) == self.url:
            return target.addressed(remedy, "", project)
        named = self.url.name if self.url else self.target
        return target.addressed(remedy, named, project, direct=self.direct)

    @functools.cached_property
    def engine(self) -> Engine:
        """The engine of the target, made at its first use. Raises CommandError over HTTP."""
        self.need_direct()
        return self.connect(self.target, self.project)

    @functools.cached_property
    def steering(self) -> Engine:
        """The engine for commands that start or change runs: it records who uses the command."""
        return self.engine.asked_by(self.caller(self.target, self.engine, self.project))

    def need_direct(self) -> None:
        """Refuse to go on over HTTP. Raises CommandError."""
        if self.address:
            raise self._direct_only()

    def _direct_only(self) -> CommandError:
        """Return the refusal of what the HTTP interface cannot do."""
        what = f"`fanfare {self.command}`" if self.command else "This command"
        where = ", and name an env file of the deployment as --target" if self.url else ""
        return CommandError(
            f"{what} cannot do this over HTTP: it works on Storage and Batch themselves. Give "
            f"--direct{where}. It needs the roles {target.DIRECT_ROLES} there.",
            Exit.USAGE,
        )

    @property
    def lively(self) -> bool:
        """Whether a person watches: the output is a terminal, and --json is not given."""
        return self.out.is_terminal and not self.as_json

    def answer(self, content: object, shown: RenderableType) -> None:
        """Print the answer, as JSON for programs or rendered for people."""
        if self.as_json:
            typer.echo(json.dumps(content, indent=2, default=str, ensure_ascii=not _takes_all()))
        else:
            self.out.print(shown, crop=False)

    def note(self, text: str) -> None:
        """Print a side note on standard error, so that it does not mix with the answer."""
        if not self.as_json:
            self.err.print(visible(text), style="dim", soft_wrap=True)

    @contextmanager
    def busy(self, text: str) -> Iterator[Status | None]:
        """Show that work is going on; nothing appears unless a person watches."""
        with self.err.status(text) if self.lively else nullcontext() as status:
            yield status

    def fail(self, error: FanfareError) -> Exit:
        """Print an error, and return its exit code."""
        code = exit_code(error)
        if self.as_json:
            typer.echo(json.dumps({"error": str(error), "code": int(code)}), err=True)
        else:
            self.err.print("error:", style="bold red", end=" ")
            self.err.print(visible(str(error)), markup=False, soft_wrap=True)
        return code


def _takes_all() -> bool:
    """Return whether the output takes every character, unlike a code page of Windows."""
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"


def exit_code(error: FanfareError) -> Exit:
    """Choose the exit code for an error."""
    match error:
        case CommandError():
            return error.code
        case InvalidParameters() | DefinitionError():
            return Exit.USAGE
        case SettingMissing():
            return Exit.UNREACHABLE
        case Conflict():
            return Exit.FAILED
        case Transient():
            return Exit.UNREACHABLE
        case _:
            return Exit.FAILED


def _console(*, stderr: bool) -> Console:
    """Make a console; a pipe gets wide lines, since it has no edge to wrap at."""
    made = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not made.is_terminal:
        made.width = _PIPE_WIDTH
    return made


def command[**P](function: Callable[P, None]) -> Callable[..., None]:
    """Add the common options to a command, and turn its errors into one line and an exit code."""

    @functools.wraps(function)
    def carry_out(*args: P.args, **kwargs: P.kwargs) -> None:
        session: Session = cast("typer.Context", kwargs["context"]).obj
        named = cast("str | None", kwargs.pop("target"))
        session.command = cast("typer.Context", kwargs["context"]).info_name or ""
        session.direct = bool(kwargs.pop("direct"))
        session.folder = cast("Path | None", kwargs.pop("project")) or session.folder
        session.as_json = bool(kwargs.pop("as_json"))
        try:
            session.aim(named)
            function(*args, **kwargs)
        except FanfareError as error:
            raise typer.Exit(session.fail(error)) from error

    # Typer reads both: the parameters' order from one, their types from the other.
    declared = inspect.signature(function)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kind)
        for name, (kind, default) in _COMMON.items()
    ]
    carry_out.__signature__ = declared.replace(  # type: ignore[attr-defined] # a function takes it
        parameters=[*declared.parameters.values(), *more]
    )
    kinds = {name: kind for name, (kind, _) in _COMMON.items()}
    carry_out.__annotations__ = {**function.__annotations__, **kinds}
    return carry_out


WaitOption = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Follow to the end, or return at once.")
]
TimeoutOption = Annotated[
    float | None,
    typer.Option("--timeout", help="End after this many seconds, with code 4; work goes on."),
]


@dataclass(frozen=True)
class Deadline:
    """How long a command may take, seconds from its start; None means as long as it takes."""

    session: Session
    began: float
    timeout_s: float | None

    @classmethod
    def begun(cls, session: Session, timeout_s: float | None) -> Self:
        """Start to count now, as the first thing that a command does."""
        return cls(session, session.monotonic(), timeout_s)

    def check(self, going: str) -> None:
        """Raise CommandError when the time is over; `going` says what is not."""
        if self.timeout_s is None or self.session.monotonic() - self.began <= self.timeout_s:
            return
        raise CommandError(
            f"Not over after {self.timeout_s:g} s: {going}. "
            "The work continues: `fanfare watch` follows it.",
            Exit.TIMED_OUT,
        )
