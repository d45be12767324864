"""`fanfare up` and `fanfare down`: the local stack, with everything that a deployment has."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, cast

import typer

from pipeline.bootstrap import APP_ROOT, build
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.lacks.packages import note_lacks
from pipeline.cli.project.locks import alone
from pipeline.cli.session import Session
from pipeline.cli.stack import azurite, repair
from pipeline.cli.stack import config as local
from pipeline.cli.stack.config import Json, Wishes
from pipeline.cli.stack.packaged import unpacked
from pipeline.cli.stack.process import LocalStack, write_private
from pipeline.cli.stack.stamp import engine_stamp
from pipeline.cli.target import StackDown, render_env
from pipeline.cli.views import stack as stack_display
from pipeline.domain.catalogue.catalogue import Catalogue
from pipeline.domain.definitions.pool import Pool, local_body
from pipeline.domain.pools.formula import render_formula
from pipeline.handlers.doors import timers
from pipeline.handlers.starting import lost_events
from pipeline.settings import Settings

_OWN_SETTINGS = ("FANFARE_", "AzureWebJobsStorage")
_PROVISION = "pipeline.adapters.provision"

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="Folder of the local stack's data; default: the project's."),
]
PortOption = Annotated[
    int,
    typer.Option(min=0, max=65_500, help="First of seven consecutive ports; 0: any free ports."),
]
_DEFAULT = Wishes()


@dataclass(frozen=True)
class Started:
    """A running stack that has everything the app needs; `mended` is what it lacked."""

    stack: LocalStack
    values: dict[str, str]
    already: bool
    catalogue: Catalogue
    mended: tuple[str, ...] = ()


def up(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    data: DataOption = None,
    *,
    profile: Annotated[
        str, typer.Option(help="benign, or awkward: services misbehave as real ones may.")
    ] = _DEFAULT.profile,
    seed: Annotated[int, typer.Option(help="Random seed of the awkward profile.")] = 0,
    port: PortOption = 0,
    app: Annotated[
        Path | None,
        typer.Option("--app", metavar="ZIP", help="Run what `fanfare package` has made."),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the local data first.")] = False,
) -> None:
    """Start the local stack with everything it needs, or mend the one that runs."""
    session: Session = context.obj
    if profile not in ("benign", "awkward"):
        raise CommandError(f"The profile must be benign or awkward, not {profile!r}.", Exit.USAGE)
    stack = session.stack(data)
    # First: a mistake in them should cost neither data nor a start.
    catalogue = session.definitions()
    note_lacks(session, catalogue.pools.values())
    if fresh:
        stop(session, stack, force=False)
        stack.erase()
    package = unpacked(app, stack.data) if app else None
    started = bring_up(session, stack, Wishes(profile, seed, port, package), catalogue)
    stack.release()
    answer = {
        **stack_display.answer(stack), "already": started.already, "mended": list(started.mended),
    }  # fmt: skip
    example = stack_display.example_of(catalogue.pipelines)
    shown = stack_display.shown(stack, answer, started.values, example)
    session.answer(answer, shown)


def down(
    context: typer.Context,
    data: DataOption = None,
    force: Annotated[bool, typer.Option("--force", help="Kill the stack; its data stays.")] = False,
) -> None:
    """Stop the local stack; its data stays for the next `fanfare up`."""
    session: Session = context.obj
    stopped = stop(session, session.stack(data), force=force)
    text = "The local stack is down; its data stays." if stopped else "The local stack was not up."
    session.answer({"stopped": stopped}, text)


def ensure_up(session: Session) -> None:
    """Start the local stack of the project if no target is named and it is down; it stays up."""
    if session.address:
        return  # an app somewhere; its first answer shows whether it is there
    try:
        session.engine  # noqa: B018 - it is made at its first use
    except StackDown:
        if session.target is not None:
            raise
        stack = session.stack()
        bring_up(session, stack, Wishes())
        stack.release()
        session.note(
            f"The local stack was down, so it was started; `{stack.command('down')}` ends it."
        )


def stop(session: Session, stack: LocalStack, *, force: bool) -> bool:
    """Stop the stack if it runs, and return whether it ran."""
    if not stack.running():
        stack.forget()
        return False
    with session.busy("Stopping the local stack"):
        stack.stop(force=force)
    return True


def bring_up(
    session: Session, stack: LocalStack, wishes: Wishes, catalogue: Catalogue | None = None
) -> Started:
    """Make the stack run as the user chose, and create what the app needs.

    A stack that this starts ends with this process, unless it is released. Of several commands in
    one project, one starts it, and the others find it running.
    """
    with ExitStack() as turn:
        try:
            stack.data.mkdir(mode=0o700, parents=True, exist_ok=True)
            turn.enter_context(alone(stack.data / "start.lock"))
        except OSError as error:
            raise CommandError(
                f"The local stack cannot keep its data in {stack.data} ({error.strerror}): "
                "name another folder with --data.",
                Exit.USAGE,
            ) from error
        return _brought_up(session, stack, wishes, catalogue or session.definitions())


def _brought_up(
    session: Session, stack: LocalStack, wishes: Wishes, catalogue: Catalogue
) -> Started:
    config = local.stack_config(stack.keys(), APP_ROOT, session.project.root, wishes)
    pools = bodies_of(catalogue.pools)
    stamp, stamp_file = engine_stamp(APP_ROOT, repr(config)), stack.data / "app.stamp"
    if stack.running():
        changed = _text(stamp_file) != stamp
        if not changed and (mended := _mended(session, stack, config, pools)) is not None:
            return Started(stack, _settings_of(stack), True, catalogue, mended)
        if changed:
            session.note("The engine or a setting changed since the stack started: restarting it.")
        stop(session, stack, force=not changed)
    azurite.ensure(session.busy("Installing Azurite from npm, once"))
    stamp_file.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as importing:
        provisioning = importing.submit(import_module, _PROVISION)  # takes as long as the start
        with session.busy("Starting the local stack"):
            stack.start(config, APP_ROOT)
        values = _settings_of(stack)
        with session.busy("Creating containers, queues, tables and pools"):
            provisioning.result()
            _provision(values, config, pools)
            _expect_ticks(values)
    write_private(stack.env, render_env(values))
    write_private(stamp_file, stamp)  # last: it means that the start came to its end
    return Started(stack, values, already=False, catalogue=catalogue)


def _mended(
    session: Session,
    stack: LocalStack,
    config: Mapping[str, Json],
    pools: list[dict[str, object]],
) -> tuple[str, ...] | None:
    """Mend a running stack; return what it lacked, or None if only a restart helps."""
    try:
        with session.busy("Looking at the local stack"):
            revived = repair.revive(stack)
            values = _settings_of(stack)
            made = _provision(values, config, pools)
            pooled = import_module(_PROVISION).mend_pools(
                Settings.from_env(values, APP_ROOT), pools
            )
            again = repair.resubscribe(stack, cast("dict[str, Json]", config["eventgrid"]))
    except repair.StackHangs as error:
        session.note(f"{error} Restarting the local stack.")
        return None
    if "functions" in revived:
        _expect_ticks(values)
    write_private(stack.env, render_env(values))
    mended = (
        *(f"restarted {name}, which did not answer" for name in revived),
        *(f"created {name}, which was missing" for name in made),
        *pooled,
        *(f"created the event subscription {name}" for name in again),
    )
    for each in mended:
        session.note(f"Mended: {each}.")
    return mended


def _provision(
    values: dict[str, str], config: Mapping[str, Json], pools: list[dict[str, object]]
) -> list[str]:
    """Create what the app needs and the services do not have; return its names.

    Blobs are watched from here on: the first tick would miss those of the minute before it.
    """
    settings = Settings.from_env(values, APP_ROOT)
    queues = local.queues_of(cast("dict[str, Json]", config["eventgrid"]))
    made = import_module(_PROVISION).provision(settings, pools, queues)
    lost_events.activate(build(settings))
    return list(made)


def _expect_ticks(values: dict[str, str]) -> None:
    """Note a tick for an app that starts now, of whose timer none can be expected yet."""
    timers.note(build(Settings.from_env(values, APP_ROOT)))


def bodies_of(pools: Mapping[str, Pool]) -> list[dict[str, object]]:
    """Describe pools as Batch's create call expects them."""
    now = datetime.now(UTC)
    return [local_body(pool, render_formula(pool, [], now)) for _, pool in sorted(pools.items())]


def _settings_of(stack: LocalStack) -> dict[str, str]:
    """Return the settings of the running stack that the engine reads."""
    values = stack.app_settings()
    return {name: text for name, text in values.items() if name.startswith(_OWN_SETTINGS)}


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
