"""The command `fanfare`: registers every subcommand."""

import gc
import logging
import sys
import tempfile
import traceback
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from pipeline import __version__
from pipeline.cli.exits import Exit
from pipeline.cli.registry import ENTRIES, group_of
from pipeline.cli.views.wording import one_line

_OBJECTS = 500_000  # that are made between two looks for cycles; 2,000 by default

app = typer.Typer(
    name="fanfare",
    cls=group_of(ENTRIES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"fanfare {__version__}")
        raise typer.Exit


_Version = Annotated[
    bool,
    typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
]


@app.callback()
def prepare(context: typer.Context, *, _version: _Version = False) -> None:
    """Event-driven Azure Batch: uploads and schedules start runs, events announce their results."""
    if context.obj is None:
        # Not for the version and the help, which need nothing of it.
        from pipeline.cli.session import Session  # noqa: PLC0415 see above

        context.obj = Session()


def main() -> None:
    """Run the command line; a defect is shown in one line, and its traceback is kept in a file."""
    # A code page of Windows lacks most characters: what it lacks is spelt out, and is no error.
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    # Every error of an SDK becomes a line of ours; its own log would add a traceback.
    logging.getLogger("azure").setLevel(logging.CRITICAL)
    # Looking for cycles among freshly imported modules takes a tenth of a short command's time.
    gc.set_threshold(_OBJECTS, 20, 50)
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
