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
        head = path.read_bytes()[:_LARGEST]
    except OSError as error:
        raise CommandError(
            f"The script {path} cannot be read ({error.strerror}).", Exit.USAGE
        ) from error
    if path.suffix == ".py":
        return _python(path, head)
    if not head.startswith((b"#!", b"\x7fELF")):
        raise CommandError(
            f"{path} does not say what runs it: begin it with a line such as #!/bin/sh, "
            "or give it the ending .py.",
            Exit.USAGE,
        )
    first = head.split(b"\n", 1)[0].decode("utf-8", "replace").split()
    if any(os.path.basename(word) in _SHELLS for word in first):  # noqa: PTH119 - not a path of ours
        return shell_script(head.decode("utf-8", "replace"))
    return Script((), unclear="only Python and shell scripts are read")


def _python(path: Path, head: bytes) -> Script:
    try:
        text = head.decode("utf-8")
        return python_script(text, {one.stem for one in path.parent.glob("*.py")})
    except (SyntaxError, UnicodeDecodeError) as error:
        where = f"{path}:{error.lineno}" if isinstance(error, SyntaxError) else str(path)
        raise CommandError(f"{where}: the script is no Python 3: {error}.", Exit.USAGE) from error
