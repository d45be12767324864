"""The shell that starts the runner tells it when the agent created the task's first file."""

import os
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.handlers.running.executions import RUNNER

PYTHON = '#!/bin/sh\nprintf %s "$FANFARE_DOWNLOAD_BEGAN" >began\n'


@pytest.fixture
def begun(tmp_path: Path) -> float:
    """Return what the runner is told of a page that was created just now, and written later."""
    (tmp_path / "bin").mkdir()
    python = tmp_path / "bin" / "python3"
    python.write_text(PYTHON)
    python.chmod(0o700)
    page = tmp_path / "page.json"
    page.write_text("{}")
    os.utime(page, (1, 1))  # an agent may keep the time of the blob
    environ = {"PATH": f"{python.parent}:/usr/bin:/bin", "AZ_BATCH_JOB_PREP_WORKING_DIR": "/"}
    subprocess.run(shlex.split(RUNNER), cwd=tmp_path, env=environ, check=True, timeout=60)
    return float((tmp_path / "began").read_text() or 0)


def test_the_runner_is_told_when_its_page_was_created_whatever_its_time_of_change(
    begun: float,
) -> None:
    if not begun:
        pytest.skip("the file system of the temporary folder keeps no times of creation")
    assert time.time() - 600 < begun <= time.time()
