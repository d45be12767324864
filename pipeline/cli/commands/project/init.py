"""`fanfare init`: a project of one's own, with a pipeline that works."""

import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project import scaffold
from pipeline.cli.project.folder import is_project
from pipeline.cli.session import Session

_LONGEST_NAME = 32


def init(
    context: typer.Context,
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="Folder of the project; default: this one."),
    ] = None,
) -> None:
    """Make a project: a pipeline that works, a pool, editor settings, and what deploys it.

    Files that are already there stay as they are.
    """
    session: Session = context.obj
    if folder and session.folder:
        raise CommandError("Name the folder once: as DIR, or with --project.", Exit.USAGE)
    folder = folder or session.folder or Path()
    root = folder.resolve()
    if is_project(root):
        raise CommandError(
            f"{root} is a project already: "
            "`fanfare new NAME --script FILE --sample FILE` adds a pipeline.",
            Exit.USAGE,
        )
    written, kept = scaffold.of_template(deployment_name(root.name)).write(root)
    entering = "" if root == Path.cwd() else f"cd {_in_shell(folder)}; "
    following = f"{entering}fanfare try shout samples/poem.txt"
    lines = [f"{root}: a project with {len(written)} files", f"next: {following}"]
    if kept:
        lines.insert(1, f"left as they were: {', '.join(kept)}")
    answer = {"project": str(root), "written": written, "kept": kept, "next": following}
    session.answer(answer, "\n".join(lines))


def _in_shell(folder: Path) -> str:
    """Quote a folder; one that begins with a dash would be taken for an option."""
    return f"{'./' if str(folder).startswith('-') else ''}{shlex.quote(str(folder))}"


def deployment_name(folder: str) -> str:
    """Make the name of a deployment from that of a folder: lower-case letters, digits, dashes."""
    plain = re.sub(r"[^a-z0-9]+", "-", folder.lower()).strip("-")
    return plain[:_LONGEST_NAME].rstrip("-") or "fanfare-project"
