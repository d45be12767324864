"""Runs `fanfare` in a child where modules that only Unix has cannot be imported, as on Windows."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.patience import stretched

# The standard library may ask for some of them, and goes on without.
UNIX = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "syslog")
_CHILD = f"""
import sys
from importlib.abc import MetaPathFinder

class OnlyUnix(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {UNIX!r}:
            raise ImportError(f"There is no module {{name}} on this system.")

for name in {UNIX!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, OnlyUnix())
from pipeline.cli.main import main
main()
"""


def fanfare(
    *words: str, cwd: Path, environ: Mapping[str, str], whole: bool = False
) -> subprocess.CompletedProcess[str]:
    """Run a command; a `whole` one has every module, for comparison."""
    code = "from pipeline.cli.main import main; main()" if whole else _CHILD
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=cwd,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=stretched(100),
        check=False,
    )
