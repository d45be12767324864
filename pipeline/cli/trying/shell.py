"""Opens a shell where the program of an item would start, with all that it would get.

The runner starts a file of its own in place of the program. That file writes down what it was
given, and waits. So folders, variables and arguments are those of a task, and what the user leaves
in the output folder is collected as a program's is.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.trying.programs import start_of
from pipeline.domain.plans.plan import Page

_POLL_S = 0.01
_PROGRAM = """#!/bin/sh
where=$1; shift
pwd >"$where/folder"
env -0 >"$where/variables"
for word in "$@"; do printf '%s\\0' "$word"; done >"$where/command"
: >"$where/ready"
exec cat "$where/over"
"""


@dataclass(frozen=True)
class Given:
    """What the program of an item would get: folder, variables and arguments."""

    folder: Path
    variables: dict[str, str]
    command: tuple[str, ...]


@dataclass(frozen=True)
class Shell:
    """The meeting place of the waiting file and of this command: a folder."""

    where: Path

    @classmethod
    def at(cls, folder: Path) -> "Shell":
        """Make the place below the folder of a trial."""
        where = folder / "shell"
        where.mkdir()
        os.mkfifo(where / "over")
        program = where / "wait"
        program.write_text(_PROGRAM, "utf-8")
        program.chmod(0o700)
        return cls(where)

    def instead(self, page: Page, prepared: Path) -> Page:
        """Return the page with the waiting file as its program."""
        start = start_of(page.program, prepared)
        command = (str(self.where / "wait"), str(self.where), *start)
        program = page.program.model_copy(update={"command": command, "file": None})
        return page.model_copy(update={"program": program, "require_output": False})

    def given(self) -> Given:
        """Return what the waiting file was given."""
        variables = _words(self.where / "variables")
        named = dict(one.partition("=")[::2] for one in variables)
        folder = Path((self.where / "folder").read_text("utf-8").removesuffix("\n"))
        return Given(folder, named, tuple(_words(self.where / "command")))

    @contextmanager
    def around[T](self, work: Callable[[], T]) -> Iterator[Future[T]]:
        """Do the work beside a with block, which begins as soon as the file waits.

        It also begins if the work ends before; its error is then in the future.
        """
        with ThreadPoolExecutor(1) as pool:
            doing = pool.submit(work)
            while not (doing.done() or (self.where / "ready").exists()):
                time.sleep(_POLL_S)
            try:
                yield doing
            finally:
                while not (doing.done() or self._resumed()):
                    time.sleep(_POLL_S)

    def _resumed(self) -> bool:
        """Let the file end; return whether it was there to hear it."""
        try:
            os.close(os.open(self.where / "over", os.O_WRONLY | os.O_NONBLOCK))
        except OSError:  # nobody reads: it is about to, or it was killed
            return False
        return True


def open_here(given: Given) -> None:
    """Open the user's shell on the terminal, and return when it is left."""
    import pwd  # noqa: PLC0415 - Windows has none, and no such shell

    program = pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    own = {name: os.environ[name] for name in ("TERM", "LANG", "LC_ALL") if name in os.environ}
    variables = {**own, **given.variables, "FANFARE_COMMAND": shlex.join(given.command)}
    subprocess.run([program], cwd=given.folder, env=variables, check=False)


def hints(given: Given) -> Sequence[str]:
    """Say what the shell has."""
    return (
        f"The program would start here as: {shlex.join(given.command)}",
        '`sh -c "$FANFARE_COMMAND"` starts it; what is in "$FANFARE_OUTPUT" at the end counts.',
    )


def _words(path: Path) -> list[str]:
    return path.read_bytes().decode(errors="surrogateescape").split("\0")[:-1]
