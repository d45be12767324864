"""Deals the tests out to the workers: what shares processes stays together, what waits comes first.

The long and patient ones begin at once, so that the cores have short ones to fill the end with.
"""

import re
import zlib

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# The tests of one of these folders share emulators of the whole session: one worker takes them all.
_TOGETHER = (
    "tests/e2e/awkward/test_kills.py",
    "tests/e2e/awkward/",
    "tests/e2e/tasks/",
    "tests/emulators/functions/",
    "tests/emulators/eventgrid/",
    "tests/contract/",
)
# Longest waits first; what is not named here computes and comes last.
_FIRST = (
    *_TOGETHER,
    "tests/e2e/",
    "tests/faults/test_stack.py",
    "tests/emulators/storage/",
    "tests/emulators/stack/",
    "tests/infra/test_package.py",
    "tests/emulators/batch/service/",
    "tests/emulators/",
    "tests/repo/",
    "tests/node/",
)
# Thousands of tests that share nothing.
_MATRIX = "tests/crash/"
_PARTS = 16
# Each seed has a stack of its own.
_SEED = re.compile(r"seed-\d+")


def share_of(test: str) -> str:
    """Name the share that a test belongs to."""
    file = test.partition("::")[0]
    if file.startswith(_MATRIX):
        return f"{file} {zlib.crc32(test.encode()) % _PARTS}"
    share = next((folder for folder in _TOGETHER if file.startswith(folder)), file)
    return share + "".join(_SEED.findall(test))


def turn_of(test: str) -> tuple[int, str]:
    """Return by what tests are sorted, so that shares come in their turn."""
    share = share_of(test)
    found = (at for at, start in enumerate(_FIRST) if share.startswith(start))
    return next(found, len(_FIRST)), share


class Shares(LoadScopeScheduling):
    """Hands whole shares to the workers, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)
