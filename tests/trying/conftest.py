"""A project of small pipelines, and the command line that tries them."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.cli.main import app as fanfare
from pipeline.cli.session import Session
from tests.commands import CliRunner, Result
from tests.fakes.definitions import POOL

LINES = """
trigger: {blob: {container: input, prefix: lines/, suffix: .txt}}
parameters: {times: {type: integer, default: 1, minimum: 1}}
split: {lines: {lines_per_item: 1}}
task: {program: PROGRAM, arguments: ["{lines_file}", "{output}", "{times}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""
SHOUT = """
import pathlib, sys
lines, output, times = sys.argv[1:]
text = pathlib.Path(lines).read_text()
print("shouting", text.strip())
(pathlib.Path(output) / "loud.txt").write_text(text.upper() * int(times))
"""


@dataclass
class Project:
    """A folder with definitions and programs, and the command line over it."""

    root: Path
    _runner: CliRunner = field(default_factory=CliRunner)

    def write(self, place: str, text: str | bytes) -> Path:
        """Write a file of the project."""
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def pipeline(self, name: str, definition: str = LINES, **programs: str) -> None:
        """Write a pipeline and its programs; PROGRAM in a definition is the first of them."""
        names = [key.replace("_py", ".py").replace("_sh", ".sh") for key in programs]
        for file, text in zip(names, programs.values(), strict=True):
            self.write(f"task_scripts/{file}", text)
        self.write(f"pipelines/{name}.yaml", definition.replace("PROGRAM", names[0]))

    def file(self, text: str | bytes = "one\ntwo\nthree\n", name: str = "a.txt") -> Path:
        """Write an input."""
        return self.write(f"inputs/{name}", text)

    def __call__(self, *args: object) -> Result:
        """Run a command in the project."""
        named = [*args, "--project", self.root]
        return self._runner.invoke(fanfare, [str(arg) for arg in named], obj=Session())

    def json(self, *args: object) -> dict:
        """Run a command with --json and parse its answer, whatever its exit code."""
        result = self(*args, "--json")
        return json.loads(result.stdout)

    def refusal(self, *args: object) -> tuple[int, str]:
        """Run a command that is refused; return its exit code and its words."""
        result = self(*args)
        assert result.exit_code, result.output
        return result.exit_code, result.stderr.removeprefix("error:").strip()


@pytest.fixture(scope="session")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def project(tmp_path, cache, monkeypatch) -> Project:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)  # so that TMPDIR is read again
    made = Project(tmp_path / "project")
    made.write("task_scripts/environments/none.txt", "")
    made.write("pools/cpu.yaml", POOL)
    made.pipeline("shout", shout_py=SHOUT)
    return made
