"""`fanfare sample`: write an input with which a pipeline shows what it does."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.samples.samples import SAMPLES, Sample, sample_of
from pipeline.cli.session import Session


def sample(
    context: typer.Context,
    pipeline: Annotated[
        str | None, typer.Argument(help="Name of the pipeline; default: list all samples.")
    ] = None,
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; default: its name, in this folder.")
    ] = None,
) -> None:
    """Write the sample input of a pipeline to a file, or list all samples."""
    session: Session = context.obj
    if pipeline is None:
        session.answer({"samples": [_told(one) for one in SAMPLES.values()]}, _table())
        return
    chosen = sample_of(pipeline)
    target = file or Path(chosen.file)
    with session.busy(f"Making the sample of {pipeline}"):
        for name, content in chosen.blobs().items():
            place = target.parent / name
            place.parent.mkdir(parents=True, exist_ok=True)
            _write(place, content)
        _write(target, chosen.make())
    folders = sorted({str(target.parent / name.split("/")[0]) for name in chosen.blobs()})
    beside = "".join(f" --with {folder}" for folder in folders)
    following = f"fanfare run {pipeline} {target}{beside}"
    session.answer(
        {"pipeline": pipeline, "file": str(target), "next": following},
        f"{target}: {chosen.about}\nnext: {following}",
    )


def _write(target: Path, content: bytes) -> None:
    """Write a file unless that would destroy another one. Raises CommandError."""
    try:
        if target.exists():
            if target.read_bytes() == content:
                return
            raise CommandError(
                f"{target} is there already, with other content: name another file.", Exit.USAGE
            )
        target.write_bytes(content)
    except OSError as error:
        text = f"{target} cannot be written: {error.strerror}. Name another file."
        raise CommandError(text, Exit.USAGE) from error


def _told(one: Sample) -> dict[str, str]:
    return {"pipeline": one.pipeline, "file": one.file, "about": one.about}


def _table() -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("pipeline", "file", "sample"):
        table.add_column(name)
    for one in SAMPLES.values():
        table.add_row(one.pipeline, one.file, one.about)
    return table
