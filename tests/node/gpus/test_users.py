"""Leases of GPUs among tasks that are users of their own, as in Azure."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import pytest

from tests.node.conftest import RUNTIME

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to be another user")
STRANGER = 1_900_000_001
PYTHON = "/usr/bin/python3"  # the interpreter of this process may be closed to other users
SMI = "#!/bin/sh\necho '0, GPU-aaaa, 580, T4'\necho '1, GPU-bbbb, 580, T4'\n"
# A task that has its device until its input ends.
TASK = """
import os, sys
os.umask(0o077)
import runner_gpu
print(runner_gpu.grant(1, os.environ).variables["CUDA_VISIBLE_DEVICES"], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def node() -> Iterator[Path]:
    """Return a folder that every user can reach, with a shared one in which all may write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "shared").mkdir()
        (folder / "shared").chmod(0o777)
        (folder / "nvidia-smi").write_text(SMI)
        (folder / "nvidia-smi").chmod(0o755)
        shutil.copy(RUNTIME / "runner_gpu.py", folder)
        (folder / "runner_gpu.py").chmod(0o644)
        yield folder


def task(node: Path, user: int) -> "subprocess.Popen[str]":
    environ = {
        "PATH": f"{node}:/usr/bin:/bin",
        "PYTHONPATH": str(node),
        "AZ_BATCH_NODE_SHARED_DIR": str(node / "shared"),
    }
    return subprocess.Popen(
        [PYTHON, "-B", "-c", TASK],
        cwd="/",
        env=environ,
        user=user,
        group=user,
        extra_groups=[],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def said(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline().strip()


def test_users_take_turns_and_none_takes_what_another_has(node: Path) -> None:
    with ExitStack() as stack:
        start = lambda number: stack.enter_context(task(node, STRANGER + number))  # noqa: E731
        first, second = start(0), start(1)
        assert sorted([said(first.stdout), said(second.stdout)]) == ["0", "1"]
        third = start(2)
        assert said(third.stderr) == "Other tasks have all 2 GPUs: this one waits."
        second.kill()
        second.wait()
        assert said(third.stdout) in {"0", "1"}
        for one in (first, third):
            one.kill()
