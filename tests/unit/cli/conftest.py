"""The command line over the fakes: while a command sleeps, the world continues."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipeline.cli.main import app as fanfare
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session
from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.handlers.mending import sweep
from tests.commands import CliRunner, Result
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written

LINES = """
trigger: {blob: {container: input, prefix: lines/}, http: true}
split: {lines: {}}
task: {program: work.py, arguments: ["{input}", "{line}", "{output}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""
ALICE = Asker(kind=AskerKind.USER, name="alice", id="alice@laptop")


class Here(Project):
    """A project as commands see it that are typed in its folder."""

    option = ""


@dataclass
class Cli:
    """Runs commands as a user would type them, against an app in memory."""

    app: FakeApp
    folder: Path
    target: Path | None = None
    asleep: bool = False
    desktop: bool = True
    opened: list[Path] = field(default_factory=list)
    _runner: CliRunner = field(default_factory=CliRunner)

    def __call__(self, *args: object, answer: str | None = None) -> Result:
        session = self.session()
        return self._runner.invoke(fanfare, [str(a) for a in args], input=answer, obj=session)

    def session(self) -> Session:
        """Make the surroundings of one command."""
        session = Session(
            connect=self._connect,
            catalogue=lambda _: self.app.engine.catalogue,
            caller=lambda *_: ALICE,
            cache=self.folder / "cache",
            open_there=self._open,
            sleep=self._sleep,
            monotonic=lambda: self.app.world.clock.now().timestamp(),
        )
        session.project = Here(self.folder)
        return session

    def json(self, *args: object) -> dict:
        """Run a command with --json and parse its answer."""
        result = self(*args, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def file(self, name: str = "a.txt", content: bytes = b"one\ntwo\nthree\n") -> Path:
        """Write a local file."""
        path = self.folder / name
        path.write_bytes(content)
        return path

    def finished(self) -> str:
        """Run one run to its end; return its id."""
        self.app.upload("lines/a.txt", b"one\ntwo\nthree\n")
        self.app.settle()
        return self.app.all_runs()[0].id

    def _connect(self, target, _project):
        self.target = target
        return self.app.engine

    def _open(self, path: Path) -> bool:
        """Note what a desktop would open."""
        if self.desktop:
            self.opened.append(path)
        return self.desktop

    def _sleep(self, seconds: float) -> None:
        self.app.world.clock.advance(seconds=seconds)
        if not self.asleep:
            self.app.pump()
            self.app.world.run_tasks(self.app.program)
            sweep.sweep(self.app.engine)


@pytest.fixture
def cli_with(tmp_path: Path) -> Callable[..., Cli]:
    """Make a command line over an app of one pipeline called `job`."""

    def make(text: str = LINES, **more: object) -> Cli:
        return Cli(FakeApp.of(written((("job", text),)), **more), tmp_path)

    return make


@pytest.fixture
def cli(cli_with) -> Cli:
    return cli_with()
