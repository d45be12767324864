"""Runs `fanfare` in a child that lacks what only Unix has: modules, flags, calls by handles."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.patience import stretched

# The standard library asks for some of them, and goes on without.
MODULES = ("fcntl", "pwd", "grp", "resource", "termios", "tty", "syslog")
NAMES = ("O_NOFOLLOW", "O_DIRECTORY", "O_NONBLOCK", "getuid", "geteuid", "getgid", "fwalk", "fork")
_CHILD = f"""
import os, sys
from importlib.abc import MetaPathFinder

class OnlyUnix(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in {MODULES!r}:
            raise ImportError(f"There is no module {{name}} on this system.")

for name in {MODULES!r}:
    sys.modules.pop(name, None)
sys.meta_path.insert(0, OnlyUnix())
for name in {NAMES!r}:
    delattr(os, name)
os.supports_dir_fd.clear()
os.supports_fd.clear()
from pipeline.cli.main import main
main()
"""


def fanfare(*words: str, cwd: Path, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run(
        [sys.executable, "-c", _CHILD, *words],
        cwd=cwd,
        env=dict(environ),
        capture_output=True,
        text=True,
        timeout=stretched(100),
        check=False,
    )
