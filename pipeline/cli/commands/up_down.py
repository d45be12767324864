"""`fanfare up` and `fanfare down`: the local stack, with everything that a deployment has."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated, cast

import typer

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.stack import config as local
from pipeline.cli.stack.config import Json, Wishes
from pipeline.cli.stack.process import DATA, LocalStack, write_private
from pipeline.cli.stack.stamp import app_stamp
from pipeline.cli.target import definitions, render_env
from pipeline.cli.views import stack as stack_display
from pipeline.domain.definitions.pool import pool_body
from pipeline.domain.pools.formula import render_formula
from pipeline.settings import Settings

_OWN_SETTINGS = ("FANFARE_", "AzureWebJobsStorage")
_PROVISION = "pipeline.adapters.provision"

DataOption = Annotated[Path, typer.Option("--data", help="Folder of the local stack's data.")]
_DEFAULT = Wishes()


@dataclass(frozen=True)
class Started:
    """A running stack that has everything the app needs."""

    stack: LocalStack
    values: dict[str, str]
    already: bool


def up(
    context: typer.Context,
    data: DataOption = DATA,
    profile: Annotated[
        str, typer.Option(help="benign, or awkward: services misbehave as real ones may.")
    ] = _DEFAULT.profile,
    seed: Annotated[int, typer.Option(help="Random seed of the awkward profile.")] = 0,
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65_500, help="First of seven consecutive ports; 0: any free ports."
        ),
    ] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Delete the local data first.")] = False,
) -> None:
    """Start the local stack: storage, Event Grid, Batch, functions, and what they need."""
    session: Session = context.obj
    if profile not in ("benign", "awkward"):
        raise CommandError(f"The profile must be benign or awkward, not {profile!r}.", Exit.USAGE)
    stack = LocalStack(data)
    if fresh:
        stop(session, stack, force=False)
        stack.erase()
    started = bring_up(session, stack, Wishes(profile, seed, port))
    answer = stack_display.answer(stack)
    shown = stack_display.shown(stack, answer, started.values, already=started.already)
    session.answer(answer, shown)


def down(
    context: typer.Context,
    data: DataOption = DATA,
    force: Annotated[bool, typer.Option("--force", help="Kill the stack; its data stays.")] = False,
) -> None:
    """Stop the local stack; its data stays for the next `fanfare up`."""
    session: Session = context.obj
    stopped = stop(session, LocalStack(data), force=force)
    text = "The local stack is down; its data stays." if stopped else "The local stack was not up."
    session.answer({"stopped": stopped}, text)


def stop(session: Session, stack: LocalStack, *, force: bool) -> bool:
    """Stop the stack if it runs, and return whether it ran."""
    if not stack.running():
        stack.forget()
        return False
    with session.busy("Stopping the local stack"):
        stack.stop(force=force)
    return True


def bring_up(session: Session, stack: LocalStack, wishes: Wishes) -> Started:
    """Make the stack run as the user chose, and create what the app needs."""
    config = local.stack_config(stack.keys(), APP_ROOT, wishes)
    # Definitions are read first: a mistake in them should not cost a start.
    pools = pool_bodies()
    stamp, stamp_file = app_stamp(APP_ROOT, repr(config)), stack.data / "app.stamp"
    if stack.running():
        if _text(stamp_file) == stamp:
            return Started(stack, _settings_of(stack), already=True)
        session.note("The app or its settings changed since the stack started: restarting it.")
        stop(session, stack, force=False)
    stamp_file.unlink(missing_ok=True)
    with ThreadPoolExecutor(1) as importing:
        provisioning = importing.submit(import_module, _PROVISION)  # takes as long as the start
        with session.busy("Starting the local stack"):
            stack.start(config, APP_ROOT)
        values = _settings_of(stack)
        with session.busy("Creating containers, queues, tables and pools"):
            settings = Settings.from_env(values, APP_ROOT)
            queues = local.queues_of(cast("dict[str, Json]", config["eventgrid"]))
            provisioning.result().provision(settings, pools, queues)
    write_private(stack.env, render_env(values))
    write_private(stamp_file, stamp)  # last: it means that nothing is missing
    return Started(stack, values, already=False)


def pool_bodies() -> list[dict[str, object]]:
    """Describe the pools of the definitions as Batch's create call expects them."""
    now = datetime.now(UTC)
    return [
        pool_body(pool, render_formula(pool, [], now))
        for _, pool in sorted(definitions().pools.items())
    ]


def _settings_of(stack: LocalStack) -> dict[str, str]:
    """Return the settings of the running stack that the engine reads."""
    values = stack.app_settings()
    return {name: text for name, text in values.items() if name.startswith(_OWN_SETTINGS)}


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""
