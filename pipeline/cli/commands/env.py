"""`fanfare env`: the requirements file of an environment, with versions and hashes."""

import re
from pathlib import Path
from typing import Annotated, cast

import typer

from pipeline.bootstrap import APP_ROOT
from pipeline.cli import requirements
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session
from pipeline.domain.catalogue.archives import ARCHITECTURES, archive_name
from pipeline.domain.definitions.types import FILE_NAME


def env(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The environment: NAME of NAME.in.")],
    *,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take newer versions than the file has.")
    ] = False,
) -> None:
    """Make task_scripts/environments/NAME.txt of the packages that NAME.in names."""
    session = cast("Session", context.obj)
    folder = session.project.environments
    source, target = folder / f"{name}.in", folder / f"{name}.txt"
    if not re.fullmatch(FILE_NAME, name, re.ASCII) or not source.is_file():
        known = ", ".join(sorted(path.stem for path in folder.glob("*.in"))) or "none"
        raise CommandError(
            f"There is no task_scripts/environments/{name}.in (environments: {known}): "
            "write the names of the packages into it, one a line.",
            Exit.USAGE,
        )
    before = target.read_text("utf-8") if target.exists() else ""
    with session.busy("Choosing versions"):
        text = requirements.compiled(
            source, "" if upgrade else before, requirements.of_the_engine()
        )
    fresh = target.with_suffix(".txt.new")
    fresh.write_text(text, "utf-8")
    fresh.replace(target)
    found = requirements.packages(text)
    shown = [
        *found,
        f"{'kept' if text == before else 'wrote'} task_scripts/environments/{name}.txt",
    ]
    archives = [folder / archive_name(name, one) for one in ARCHITECTURES]
    if text != before:
        shown += [_remedy(one, session.project) for one in archives if one.exists()]
    session.answer({"file": str(target), "packages": found}, "\n".join(shown))


def _remedy(archive: Path, project: Project) -> str:
    """Say what to do about an archive of other packages: only the engine's checkout has make."""
    if project.root == APP_ROOT:
        return f"{archive.name} is older: run `make archives`."
    return f"{archive.name} is older: delete it. `fanfare package` makes one for a deployment."
