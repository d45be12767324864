"""One benign stack for all tests of this folder."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.local import ROOT, Stack

TEMPLATE = ROOT / "pipeline/cli/project/template"


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder: Path = tmp_path_factory.mktemp("interface")
    stack = Stack(folder, "benign")
    for part in ("pipelines", "task_scripts"):  # what `fanfare init` makes
        shutil.copytree(TEMPLATE / part, stack.definitions / part, dirs_exist_ok=True)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="package")
def project(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a project whose stack is up, as its user has it."""
    folder = tmp_path_factory.mktemp("project")
    (folder / ".fanfare").symlink_to(stack.local.data)
    shutil.copytree(TEMPLATE / "samples", folder / "samples")
    return folder
