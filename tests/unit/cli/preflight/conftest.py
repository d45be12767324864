"""A machine with the stand-in for `az`, and a project with pools and an azd environment."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.main import app as fanfare
from pipeline.cli.project.folder import Project
from pipeline.cli.session import Session
from pipeline.cli.target import definitions
from pipeline.domain.preflight.names import Names
from tests.commands import CliRunner, Result
from tests.fakes.azure_cli import StandIn, account_of

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
NAMES = Names.of(SUBSCRIPTION, "demo", "westeurope")
ENV = (
    f'AZURE_ENV_NAME="demo"\nAZURE_LOCATION="westeurope"\nAZURE_SUBSCRIPTION_ID="{SUBSCRIPTION}"\n'
)


@functools.cache
def shipped():
    return definitions(Project(APP_ROOT))


@dataclass
class Preflight:
    """Types `fanfare preflight` in a project whose environment `demo` azd has chosen."""

    az: StandIn
    root: Path

    def __call__(self, *options: str) -> Result:
        session = Session(catalogue=lambda _: shipped())
        session.project = Project(self.root)
        return CliRunner().invoke(fanfare, ["preflight", *options], obj=session)

    def found(self, *options: str) -> dict[str, dict[str, str]]:
        """Return the findings by their names."""
        answer = json.loads(self("--json", *options).stdout)
        return {one["name"]: one for one in answer["findings"]}

    def chosen(self, **values: str) -> None:
        """Set values of the azd environment."""
        more = "".join(f'{name}="{value}"\n' for name, value in values.items())
        (self.root / ".azure/demo/.env").write_text(ENV + more, "utf-8")

    def has_account(self) -> None:
        """Let the environment have its Batch account already."""
        self.az.answer("batch account list", [account_of(NAMES.batch)])


@pytest.fixture
def preflight(tmp_path, monkeypatch) -> Preflight:
    root, programs = tmp_path / "project", tmp_path / "bin"
    for folder in (root / "pipelines", root / "pools", root / ".azure/demo", programs):
        folder.mkdir(parents=True)
    (root / ".azure/config.json").write_text('{"version":1,"defaultEnvironment":"demo"}', "utf-8")
    monkeypatch.setenv("PATH", str(programs))
    made = Preflight(StandIn(programs), root)
    made.chosen()
    return made
