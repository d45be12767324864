"""The function apps of releases, deployed one over the other on a running stack.

The earlier one is real: the code that recorded that release's worlds in `tests/compatibility`, from
the history of this repository. The later one is a copy of the present one that stores more.
"""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pipeline.cli.stack import config as local
from tests.e2e.local import ROOT, Stack
from tests.patience import stretched

EARLIER = "0.1.0"
_ENGINE = ("function_app.py", "host.json", "pipeline", "pools", "task_scripts")
_RECORDED = "tests/compatibility/releases/{}.json.gz"
# What the later release adds: a file, a text in it, and the line that follows there.
_LATER = (
    (
        "pipeline/domain/runs/stored.py",
        '    model_config = ConfigDict(frozen=True, extra="ignore")',
        '    added_by_a_later_release: str = "kept"',
    ),
    (
        "pipeline/domain/definitions/pipeline.py",
        "    fanfare: Format = FORMAT",
        "    key_of_a_later_release: bool = False",
    ),
)
# What `fanfare up` of the earlier release creates, by its own code: its queues, and its pools.
_PROVISION = """
import os
from datetime import UTC, datetime
from pathlib import Path

from pipeline.adapters.provision import provision
from pipeline.bootstrap import build
from pipeline.domain.definitions.pool import pool_body
from pipeline.domain.pools.formula import render_formula
from pipeline.settings import Settings

settings = Settings.from_env(os.environ, Path.cwd())
now = datetime.now(UTC)
pools = build(settings).catalogue.pools.values()
provision(settings, [pool_body(pool, render_formula(pool, [], now)) for pool in pools])
"""


def earlier(folder: Path) -> Path:
    """Unpack the app of the earlier release; skip the test where the history does not have it."""
    commit = _git("log", "-1", "--format=%H", "--", _RECORDED.format(EARLIER)).decode().strip()
    version = f'\nversion = "{EARLIER}"\n'.encode()
    if not commit or version not in _git("show", f"{commit}:pyproject.toml"):
        pytest.skip(f"for want of the code of release {EARLIER} (git fetch --unshallow)")
    archive = _git("archive", "--format=tar", commit, *_ENGINE)
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def present(folder: Path) -> Path:
    """Copy the app of this repository."""
    folder.mkdir()
    for name in _ENGINE:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    return folder


def later(folder: Path) -> Path:
    """Make the app of a release that does not exist yet: it adds to all that this one stores.

    Every stored value gets a field, every row a column, and definitions get a key.
    """
    app = present(folder)
    for name, after, line in _LATER:
        text = (app / name).read_text("utf-8")
        assert text.count(after) == 1, f"{name} has no line {after!r}"
        (app / name).write_text(text.replace(after, f"{after}\n{line}\n"), "utf-8")
    return app


def _git(*words: str) -> bytes:
    """Ask git about this repository; b"" where that is no clone, or git does not know."""
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        return b""
    return done.stdout if done.returncode == 0 else b""


def with_definitions(app: Path, pipelines: dict[str, str], programs: dict[str, str]) -> Path:
    """Give an app these pipelines in place of its own, with their programs."""
    shutil.rmtree(app / "pipelines", ignore_errors=True)
    (app / "pipelines").mkdir()
    for name, text in pipelines.items():
        (app / "pipelines" / f"{name}.yaml").write_text(text, "utf-8")
    for name, text in programs.items():
        (app / "task_scripts" / name).write_text(text, "utf-8")
    return app


class Deployed(Stack):
    """A stack whose app is replaced while all else goes on, as a deployment in Azure does."""

    def __init__(self, folder: Path, first: Path, **settings: str) -> None:
        super().__init__(folder, "benign", extra_settings={"FANFARE_RELOAD": "false", **settings})
        self._app = folder / "app"
        self._app.symlink_to(first)
        self.definitions = self._app

    def config(self) -> dict[str, local.Json]:
        """Let nodes have the role that they had with the earlier release."""
        return {
            **super().config(),
            "app": str(self._app),
            "identities": [local.NODE_IDENTITY],
        }

    def deploy(self, app: Path) -> None:
        """Replace the app in the midst of what it does."""
        fresh = self._app.with_name("fresh")
        fresh.symlink_to(app)
        fresh.replace(self._app)
        self.kill("functions")

    def provision_earlier(self, app: Path) -> None:
        """Create what the earlier release's deployment had created."""
        values = {k: v for k, v in self.local.app_settings().items() if k != "PATH"}
        subprocess.run(
            [sys.executable, "-c", _PROVISION],
            cwd=app,
            env={
                **os.environ,
                **values,
                "FANFARE_DEFINITIONS": str(app),
                "PYTHONPATH": str(app),
            },
            check=True,
            timeout=stretched(60),
        )
