"""What a shell may complete: names of pipelines, by their files, without reading these."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.project.folder import around


def pipelines(incomplete: str) -> list[str]:
    """Return the pipelines of the current folder's project whose names begin so."""
    project = around(Path.cwd())
    if project is None:
        return []
    names = (path.stem for path in (project.root / "pipelines").glob("*.yaml"))
    return sorted(name for name in names if name.startswith(incomplete) and name[0] != ".")


_NAME = typer.Argument(help="Name of the pipeline.", autocompletion=pipelines)
PipelineArgument = Annotated[str, _NAME]
OnePipeline = Annotated[str | None, _NAME]
