"""The command `fanfare`: registers every subcommand."""

import logging
import sys
import tempfile
import tomllib
import traceback
from pathlib import Path
from typing import Annotated

import typer

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.commands import cost as cost_command
from pipeline.cli.commands import doctor as doctor_command
from pipeline.cli.commands import env as env_command
from pipeline.cli.commands import ledger as ledger_commands
from pipeline.cli.commands import plan as plan_command
from pipeline.cli.commands import read as read_commands
from pipeline.cli.commands import run as run_commands
from pipeline.cli.commands import sample as sample_command
from pipeline.cli.commands import steer as steer_commands
from pipeline.cli.commands import up_down
from pipeline.cli.exits import Exit
from pipeline.cli.session import Session, command
from pipeline.cli.views.wording import one_line

app = typer.Typer(
    name="fanfare",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
_COMMANDS = (
    up_down.up,
    up_down.down,
    run_commands.run,
    plan_command.plan,
    read_commands.ls,
    read_commands.show,
    run_commands.watch,
    read_commands.logs,
    steer_commands.cancel,
    run_commands.redrive,
    steer_commands.backfill,
    steer_commands.pause,
    steer_commands.resume,
    steer_commands.purge,
    doctor_command.doctor,
    cost_command.cost,
    sample_command.sample,
    env_command.env,
    read_commands.schema,
)


def version() -> str:
    """Return the version of this checkout, which only `pyproject.toml` states."""
    document = tomllib.loads((APP_ROOT / "pyproject.toml").read_text("utf-8"))
    return str(document["project"]["version"])


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fanfare {version()}")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]


@app.callback()
def prepare(context: typer.Context, *, _version: _Version = False) -> None:
    """Event-driven Azure Batch: uploads and schedules start runs, events announce their results."""
    context.obj = context.obj or Session()


for _command in _COMMANDS:
    app.command()(command(_command))
_ledger = typer.Typer(
    name="ledger",
    help="Export the ledger, or rebuild it after a loss.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
_ledger.command()(command(ledger_commands.export))
_ledger.command()(command(ledger_commands.rebuild))
app.add_typer(_ledger)


def main() -> None:
    """Run the command line; a defect is shown in one line, and its traceback is kept in a file."""
    # Every error of an SDK becomes a line of ours; its own log would add a traceback.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    try:
        app()
    except Exception as error:  # noqa: BLE001 - the outermost edge: nobody else would report it
        path = Path(tempfile.mkstemp(prefix="fanfare-", suffix=".txt")[1])
        path.write_text(traceback.format_exc(), "utf-8")
        typer.echo(
            f"error: this should not happen ({type(error).__name__}: {one_line(str(error), 200)}); "
            f"please report it with {path}.",
            err=True,
        )
        sys.exit(Exit.FAILED)
