"""The world in memory with a fault in it, looked at and mended through the command line."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from typer.testing import CliRunner

from pipeline.cli.checks import Ward
from pipeline.cli.main import app as fanfare
from pipeline.cli.session import Session
from pipeline.domain.health.findings import Deployment
from tests.fakes.app import FakeApp
from tests.fakes.definitions import written
from tests.faults.measure import Answer, Outcome
from tests.faults.remedies import commands
from tests.faults.table import Fault, Kind, Told
from tests.unit.cli.commands.test_doctor import Doctor
from tests.unit.cli.conftest import Cli
from tests.unit.handlers.conftest import LINES


class LocalDoctor(Doctor):
    """The doctor of a stack on this machine, or of a deployment."""

    local = True

    def ward(self, wait: float) -> Ward:
        """Make the deployment to check."""
        made = super().ward(wait)
        app = {"function app": "https://app"}
        if self.local:
            return replace(made, management=None, where=Deployment())
        return replace(made, urls=made.urls | app)


@dataclass
class World:
    """An app whose run may be in trouble; seeds change it.

    `passes` ends trouble that passes by itself, before the remedy is tried. `cured` says whether
    all is well; by default the run must have succeeded.
    """

    folder: Path
    text: str = LINES
    azure: bool = False
    run: str = "latest"
    app: FakeApp = field(init=False)
    cli: Cli = field(init=False)
    doctor: LocalDoctor = field(init=False)
    passes: Callable[[], object] = lambda: None
    cured: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        self.make(self.text)

    def make(self, text: str, **more: object) -> None:
        """Begin anew with another pipeline."""
        self.app = FakeApp.of(written((("job", text),)), **more)
        self.app.engine = replace(self.app.engine, local=not self.azure)
        self.cli, self.doctor = Cli(self.app, self.folder), LocalDoctor(self.app)
        self.doctor.local = not self.azure

    def begin(self, content: bytes = b"one\ntwo\n"):
        """Start a run, and bring its tasks into Batch."""
        self.app.upload("lines/a.txt", content)
        self.app.pump()
        return self.app.all_runs()[-1]

    def minutes(self, count: int, always: Callable[[], object] = lambda: None) -> None:
        """Let minutes pass, without running a task."""
        for _ in range(count):
            self.app.pass_time()
            self.app.pump()
            always()

    def pool(self, **changes: object) -> None:
        """Change what Batch reports of the pool."""
        pools = self.app.world.batch.pools
        (name,) = pools
        pools[name] = replace(pools[name], **changes)

    def show(self) -> list[Answer]:
        """Ask for the latest run."""
        shown = self.cli.json("show", self.run)
        obstacle, text = shown["obstacle"] or {}, shown["error"] or shown["why"] or ""
        found = [Answer(obstacle["code"], text, obstacle["remedy"])] if obstacle else []
        if shown["cause"]:
            found.append(Answer(shown["cause"], text, shown.get("remedy", "")))
        return found

    def examine(self) -> list[Answer]:
        """Ask the doctor."""
        session = Session(ward=self.doctor.ward, connect=lambda *_: self.app.engine)
        words = ["doctor", "--json", "--wait", "5"]
        told = json.loads(CliRunner().invoke(fanfare, words, obj=session).stdout)["findings"]
        wrong = [f for f in told if f["level"] not in ("ok", "only in Azure")]
        return [Answer(f["check"], f"{f['what']}: {f['why']}", f["mend"]) for f in wrong]

    def look(self, told: Told) -> list[Answer]:
        """Ask where the fault must be told."""
        return self.show() if told is Told.SHOW else self.examine()

    def outcome(self, fault: Fault) -> Outcome:
        """Look at the seeded fault, carry out the printed remedy, and look again."""
        answers = tuple(self.look(fault.told))
        outcome = Outcome(fault, answers)
        if fault.kind is not Kind.HERE or outcome.told is None:
            return outcome
        self.passes()
        argvs = list(commands(outcome.told.remedy, "fanfare"))
        done = [self.cli(*argv[1:]) for argv in argvs]
        self.app.settle()
        well = bool(argvs) and all(one.exit_code == 0 for one in done) and self._well(fault)
        return replace(outcome, cured=well, trouble="".join(one.output for one in done)[-300:])

    def _well(self, fault: Fault) -> bool:
        if self.cured is not None:
            return self.cured()
        return self.app.all_runs()[-1].state == "succeeded"
