"""Programs of task_scripts/, each started in a folder of its own."""

from pathlib import Path

import pytest

from tests.workloads.programs import Program, Start


@pytest.fixture
def program(tmp_path: Path) -> Start:
    """Name a folder of task_scripts/ and run its programs."""
    return lambda name: Program(tmp_path, name)
