"""Checks runs that are to be started over HTTP, before anything is uploaded.

The app checks them, too. What the project's own definitions show already costs no upload. A folder
without a project, or one that lacks the pipeline, leaves the check to the app.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.cli.doors.door import Wanted
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.domain.definitions.pipeline import Pipeline


def check(session: Session, wanted: Sequence[Wanted]) -> None:
    """Refuse what cannot be started. Raises CommandError, DefinitionError or InvalidParameters."""
    if len(wanted) > 1 and any(one.name or one.key for one in wanted):
        raise CommandError(
            "--name and --key mean one run: give exactly one file with them.", Exit.USAGE
        )
    for one in wanted:
        if one.file is not None:
            _check_file(one.file)
    if definition := _known(session, wanted[0].pipeline):
        _check(definition, wanted)


def _check(pipeline: Pipeline, wanted: Sequence[Wanted]) -> None:
    if not pipeline.trigger.http:
        raise CommandError(
            f"Pipeline {pipeline.name} does not accept requests: set `trigger: {{http: true}}` and "
            "deploy it, or give --direct, which uploads where it listens.",
            Exit.USAGE,
        )
    pipeline.resolve_parameters(wanted[0].parameters)
    if pipeline.split.needs_input and any(one.file is None for one in wanted):
        raise CommandError(
            f"Pipeline {pipeline.name} splits its input ({pipeline.split.kind}): name a file.",
            Exit.USAGE,
        )


def _known(session: Session, pipeline: str) -> Pipeline | None:
    project = session.project_if_any()
    return session.definitions().pipelines.get(pipeline) if project else None


def _check_file(file: Path) -> None:
    if not file.is_file():
        raise CommandError(f"There is no file {file}.", Exit.USAGE)
    if file.stat().st_size == 0:
        raise CommandError(f"{file} is empty: a run needs at least one byte.", Exit.USAGE)
