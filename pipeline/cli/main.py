"""The command `fanfare`: every subcommand, registered."""

import typer

from pipeline.cli import plan_command, read_commands, run_commands, steer_commands, up_down
from pipeline.cli.session import Session, command

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
    read_commands.schema,
)


@app.callback()
def prepare(context: typer.Context) -> None:
    """Event-driven Azure Batch: upload a blob, or let a schedule fire, and be told."""
    context.obj = context.obj or Session()


for _command in _COMMANDS:
    app.command()(command(_command))


def main() -> None:
    """Run the command line."""
    app()
