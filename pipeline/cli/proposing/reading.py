"""Reads a script whatever it is written in."""

import os
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.proposing.script import Script, python_script, shell_script

_LARGEST = 1 << 20
_SHELLS = ("sh", "bash", "dash", "zsh", "ksh")


def read(path: Path) -> Script:
    """Read what a script tells of itself. Raises CommandError if it could not run on a node."""
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
    except OSError as error:
        raise CommandError(
            f"The script {path} cannot be read ({error.strerror}).", Exit.USAGE
        ) from error
    if path.suffix == ".py":
        return _python(path, content)
    if not content.startswith((b"#!", b"\x7fELF")):
        raise CommandError(
            f"{path} does not say what runs it: begin it with a line such as #!/bin/sh, "
            "or give it the ending .py.",
            Exit.USAGE,
        )
    first = content.split(b"\n", 1)[0].decode("utf-8", "replace").split()
    if any(os.path.basename(word) in _SHELLS for word in first):  # noqa: PTH119 - not a path of ours
        return shell_script(content.decode("utf-8", "replace"))
    return Script((), unclear="only Python and shell scripts are read")


def _python(path: Path, content: bytes) -> Script:
    if len(content) > _LARGEST:
        raise CommandError(
            f"{path} is larger than {_LARGEST >> 20} MiB: keep data in files of their own.",
            Exit.USAGE,
        )
    try:
        script = python_script(content, _beside(path))
    except SyntaxError as error:
        where = f"{path}:{error.lineno}" if error.lineno else str(path)
        raise CommandError(
            f"{where}: the script is no Python 3: {error.msg}.", Exit.USAGE
        ) from error
    if script.neighbours:
        raise CommandError(
            f"{path} imports {', '.join(script.neighbours)} from its own folder, and a node gets "
            f"the script alone: put all of it into a folder task_scripts/{path.stem}, the script "
            f"as main.py, and write a pipeline with `program: {path.stem}`.",
            Exit.USAGE,
        )
    return script


def _beside(path: Path) -> set[str]:
    """Return the modules and the packages in the folder of a script."""
    modules = {one.stem for one in path.parent.glob("*.py")} - {path.stem}
    return modules | {one.parent.name for one in path.parent.glob("*/*.py")}
