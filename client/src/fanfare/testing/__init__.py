"""Fixtures of pytest for programs that use Fanfare; pytest finds them once the client is installed.

`fanfare_stack` is a client of a local stack. The stack is the one that the environment names, as in
CI, or that of the project if it is up, or one that is started for the tests and then stopped. The
client itself does not need pytest, and nothing else imports this module.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanfare.client import Fanfare
from fanfare.errors import FanfareError
from fanfare.testing.stacks import stack


@pytest.fixture(scope="session")
def fanfare_project(pytestconfig: pytest.Config) -> Path:
    """Return the folder of the project whose stack is wanted; override it to name another."""
    return pytestconfig.rootpath


@pytest.fixture(scope="session")
def fanfare_stack(
    fanfare_project: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Fanfare]:
    """Yield a client of a local stack that is up; it stays the same for all tests."""
    try:
        with stack(os.environ, fanfare_project, lambda: tmp_path_factory.mktemp("fanfare")) as app:
            yield app
    except FanfareError as error:
        pytest.fail(str(error), pytrace=False)
