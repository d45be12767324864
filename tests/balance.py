"""Deals the tests out to the workers: what shares processes stays together, what waits comes first.

Most tests of services wait: for timers, for processes, for a service that was killed. Two workers
begin with these, and as many as there are cores with those that compute, so that no core is idle
while they wait, nor do they all start stacks at once. Whoever has nothing left takes from the
other kind. The parts of the crash matrix are even and small: they come last, and fill the end.
"""

import re
import zlib

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

WAITERS = 2  # workers that begin with tests that wait
# The tests of one of these folders share emulators of the whole session: one worker takes them all.
_TOGETHER = (
    "tests/e2e/awkward/test_kills.py",
    "tests/e2e/awkward/",
    "tests/e2e/interface/",
    "tests/e2e/tasks/",
    "tests/emulators/functions/",
    "tests/emulators/eventgrid/",
    "tests/contract/",
)
# They replay recordings in memory, and share nothing with their neighbours.
_APART = "tests/emulators/functions/golden/"
# These wait longer than they compute; longest first.
_WAIT = (
    "tests/e2e/test_cli.py",
    "tests/e2e/projects/",
    "tests/e2e/awkward/",
    "tests/emulators/functions/",
    "tests/e2e/test_polling.py",
    *_TOGETHER,
    "tests/e2e/",
    "tests/faults/test_stack.py",
    "tests/emulators/storage/",
    "tests/emulators/stack/",
    "tests/emulators/batch/live/",
    "tests/emulators/batch/service/",
    "tests/emulators/batch/page/",
    "tests/unit/cli/test_signals.py",
)
# These compute for long in one piece, so they must not be the last.
_LONG = (
    "tests/emulators/batch/",
    "tests/media/test_matrix.py",
    "tests/unit/handlers/keeping/test_year.py",
    "tests/workloads/",
    "tests/infra/",
    "tests/node/",
    "tests/repo/",
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
    together = () if file.startswith(_APART) else _TOGETHER
    share = next((folder for folder in together if file.startswith(folder)), file)
    return share + "".join(_SEED.findall(test))


def turn_of(test: str) -> tuple[bool, int, str]:
    """Return by what tests are sorted, so that shares come in their turn."""
    share = share_of(test)
    found = (at for at, start in enumerate((*_WAIT, *_LONG)) if share.startswith(start))
    return share.startswith(_MATRIX), next(found, len(_WAIT) + len(_LONG)), share


def waits(share: str) -> bool:
    """Return whether a share waits longer than it computes."""
    return share.startswith(_WAIT) and not share.startswith(_APART)


class Shares(LoadScopeScheduling):
    """Hands whole shares to the workers, in the order in which they were collected."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False

    def _split_scope(self, nodeid: str) -> str:
        return share_of(nodeid)

    def _assign_work_unit(self, node: WorkerController) -> None:
        if node not in self.nodes[:WAITERS]:
            computing = next((share for share in self.workqueue if not waits(share)), None)
            if computing:
                self.workqueue.move_to_end(computing, last=False)
        super()._assign_work_unit(node)
