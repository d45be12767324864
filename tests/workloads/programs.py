"""Starts a program of a folder of task_scripts/ as the runner does, and plays whole pipelines."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "task_scripts"

type Output = Path


@dataclass(frozen=True)
class Done:
    """How a program ended: its code, what it said, and the folder of its output."""

    code: int
    said: str
    output: Output

    def json(self, name: str) -> object:
        """Read a JSON file of the output; a failed program fails the test with its words."""
        assert self.code == 0, self.said
        return json.loads((self.output / name).read_bytes())


@dataclass
class Program:
    """A folder of task_scripts/, whose programs run in a folder of their own each time."""

    folder: Path
    name: str
    starts: int = 0
    python: str = sys.executable

    def __call__(self, *arguments: object, **more: str) -> Done:
        """Run the program; `{output}` stands for its output folder, `more` are variables."""
        place = self.folder / f"{self.name}-{self.starts}"
        self.starts += 1
        (place / "work").mkdir(parents=True)
        output = place / "output"
        output.mkdir()
        given = [str(output) if one == "{output}" else str(one) for one in arguments]
        done = subprocess.run(
            [self.python, str(SCRIPTS / self.name / "main.py"), *given], cwd=place / "work",
            capture_output=True, text=True, check=False, env={**os.environ, **more},
        )  # fmt: skip
        return Done(done.returncode, done.stdout + done.stderr, output)


def parts_of(folder: Path, done: Sequence[Done]) -> Path:
    """Write the list of the files of several items as an assembler gets it."""
    entries = [
        {"item": item, "name": file.name, "file": str(file)}
        for item, one in enumerate(done)
        for file in sorted(one.output.iterdir())
    ]
    path = folder / "parts.json"
    path.write_text(json.dumps(entries))
    return path


type Start = Callable[[str], Program]
