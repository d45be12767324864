"""Starts the program of a page in another way than the runner does: for a shell or a debugger."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.catalogue.programs import MAIN
from pipeline.domain.plans.plan import Page, PlannedProgram

_PORT_AT = "127.0.0.1"


def start_of(program: PlannedProgram, prepared: Path) -> tuple[str, ...]:
    """Return what starts a program on a node, as a command of a page; `prepared` has its files."""
    if program.command or program.file is None:
        return program.command or ()
    script = _script(program.file, prepared)
    start = (_python(prepared), script) if script.endswith(".py") else (script,)
    return tuple(_literal(part) for part in start)


@dataclass(frozen=True)
class Debugger:
    """The debugger debugpy, which waits at a port of this machine until an editor attaches.

    `scripts` is the folder with the programs as their author sees them, where breakpoints are set.
    """

    port: int
    scripts: Path

    def instead(self, page: Page, prepared: Path) -> Page:
        """Return the page with its program under the debugger. Raises CommandError."""
        start = start_of(page.program, prepared)
        if len(start) < 2:  # noqa: PLR2004 - interpreter and script
            raise CommandError("--debug is for programs in Python.", Exit.USAGE)
        self._check(start[0], page.program.environment)
        places = json.dumps([[str(self.scripts), str(prepared)]])
        variable = _literal(f"PATHS_FROM_ECLIPSE_TO_PYTHON={places}")
        listening = ("-m", "debugpy", "--listen", f"{_PORT_AT}:{self.port}", "--wait-for-client")
        # Without the option breakpoints in what Python brings frozen are missed.
        python = ("/usr/bin/env", variable, start[0], "-Xfrozen_modules=off")
        command = (*python, *listening, *start[1:])
        program = page.program.model_copy(update={"command": command, "file": None})
        return page.model_copy(update={"program": program})

    @property
    def hint(self) -> str:
        """What to do now."""
        return f"Waiting for a debugger at {_PORT_AT}:{self.port} (in an editor: Attach to Python)."

    def _check(self, python: str, requirements: str | None) -> None:
        found = subprocess.run([python, "-c", "import debugpy"], capture_output=True, check=False)
        if found.returncode == 0:
            return
        name = (requirements or "NAME.txt").removesuffix(".txt")
        where = f"task_scripts/environments/{name}.in"
        add = f"add the line debugpy to {where}, and run `fanfare env {name}`"
        if requirements is None:
            add = f"give the program an `environment: {name}`, {add}"
        raise CommandError(f"The program's Python has no debugpy: {add}.")


def _script(file: str, prepared: Path) -> str:
    path = prepared / file
    if path.is_dir():
        path /= next((name for name in MAIN if (path / name).is_file()), MAIN[-1])
    return str(path)


def _python(prepared: Path) -> str:
    """Return the interpreter that the preparation chose."""
    return str(json.loads((prepared / "environment.json").read_bytes())["python"])


def _literal(text: str) -> str:
    """Write a text as an argument in which nothing is a placeholder."""
    return text.replace("{", "{{").replace("}", "}}")
