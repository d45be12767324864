"""Runs commands with `--json` for an assistant, and reads their answers.

An assistant's words are hostile: they become arguments after `--`, never options, and never reach a
shell. Files have to lie in the project.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.cli.exits import CommandError
from pipeline.cli.project.folder import Project

_MAIN = "from pipeline.cli.main import main; main()"
_TIMEOUT_S = 120

# Gets a command and its arguments; returns the JSON answer. Raises CommandError.
type Ask = Callable[[str, Sequence[str], Sequence[str]], object]


def asking(project: Project, target: Path | str | None, *, direct: bool = False) -> Ask:
    """Return what runs a command on a project and a target, a path or the URL of an app."""
    where = ["--project", str(project.root), *(["--target", str(target)] if target else [])]
    where += ["--direct"] if direct else []

    def ask(name: str, options: Sequence[str], words: Sequence[str]) -> object:
        command = [sys.executable, "-c", _MAIN, name, "--json", *where, *options, "--", *words]
        try:
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=_TIMEOUT_S, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise CommandError(f"fanfare {name} did not end within {_TIMEOUT_S} s.") from error
        return answer_of(name, done.stdout, done.stderr)

    return ask


def answer_of(name: str, output: str, errors: str) -> object:
    """Read what a command printed. Raises CommandError with its own words."""
    if output.strip():
        return json.loads(output)
    told = _told(errors)
    raise CommandError(told or f"fanfare {name} printed nothing.")


def _told(errors: str) -> str:
    lines = errors.strip().splitlines()
    try:
        found = json.loads(lines[-1]) if lines else {}
    except ValueError:
        return "\n".join(lines)[-1000:]
    return str(found.get("error", "")) if isinstance(found, Mapping) else ""


def file_of(project: Project, name: str) -> str:
    """Return the path of a file of the project. Raises CommandError for any other.

    Hidden files, in which keys of stacks and deployments are, and the file of secrets are no input.
    """
    root = project.root.resolve()
    path = Path(os.path.realpath(root / name.replace("\0", "?")))
    if not path.is_relative_to(root) or not path.is_file():
        raise CommandError(f"{name!r} is no file of the project {project.root}.")
    hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
    if hidden or path == project.secrets.resolve():
        raise CommandError(f"{name!r} may have secrets: an assistant cannot read it.")
    return str(path)
