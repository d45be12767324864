"""The command `fanfare`: every subcommand, registered."""

import typer

from pipeline.cli import up_down
from pipeline.cli.session import Session, command

app = typer.Typer(
    name="fanfare",
    help="Event-driven Azure Batch: upload a blob, or let a schedule fire, and be told.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)


@app.callback()
def prepare(context: typer.Context) -> None:
    """Event-driven Azure Batch: upload a blob, or let a schedule fire, and be told."""
    context.obj = context.obj or Session()


for _command in (up_down.up, up_down.down):
    app.command()(command(_command))


def main() -> None:
    """Run the command line."""
    app()
