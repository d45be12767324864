"""How the tests are dealt out: what waits and what computes run beside each other."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.balance import Shares, share_of, turn_of, waits

ROOT = Path(__file__).resolve().parents[2]
WAIT = ("tests/e2e/test_cli.py::test_up", "tests/e2e/awkward/test_acts.py::test_lines[seed-7]")
COMPUTE = ("tests/unit/test_one.py::test_it", "tests/unit/test_two.py::test_it")
MATRIX = ("tests/crash/test_matrix.py::test_a", "tests/crash/test_matrix.py::test_b")


@dataclass(eq=False)
class Worker:
    """A worker that is told what to run, and runs nothing."""

    collected: list[str]
    gateway: SimpleNamespace
    told: list[str] = field(default_factory=list)
    shutting_down: bool = False

    def send_runtest_some(self, places: list[int]) -> None:
        self.told += [self.collected[place] for place in places]

    def shutdown(self) -> None:
        self.shutting_down = True


@pytest.fixture
def workers() -> list[Worker]:
    """Deal out the tests to four workers, as on two cores, and let them run until all is over."""
    tests = sorted((*MATRIX, *COMPUTE, *WAIT), key=turn_of)
    config = SimpleNamespace(option=SimpleNamespace(tx=["4*popen"]), getvalue=lambda _: ["4*popen"])
    shares = Shares(config)
    workers = [Worker(tests, SimpleNamespace(id=f"gw{number}")) for number in range(4)]
    for worker in workers:
        shares.add_node(worker)
    for worker in workers:
        shares.add_node_collection(worker, tests)
    shares.schedule()
    done = 0
    while done < len(tests):
        for worker in workers:
            for test in worker.told[:]:
                if not _is_done(shares, worker, test):
                    shares.mark_test_complete(worker, tests.index(test))
                    done += 1
    return workers


def _is_done(shares: Shares, worker: Worker, test: str) -> bool:
    return any(unit.get(test) for unit in shares.assigned_work[worker].values())


def test_two_workers_begin_with_what_waits_and_the_others_with_what_computes(workers):
    assert {worker.told[0] for worker in workers[:2]} == set(WAIT)
    assert {worker.told[0] for worker in workers[2:]} == set(COMPUTE)


def test_every_test_is_dealt_out_once(workers):
    told = [test for worker in workers for test in worker.told]
    assert sorted(told) == sorted((*WAIT, *COMPUTE, *MATRIX))


def test_tests_that_share_a_stack_are_one_share():
    folders = [path.parent.relative_to(ROOT) for path in ROOT.glob("tests/e2e/*/conftest.py")]
    assert folders
    for folder in folders:
        shares = {share_of(f"{folder}/test_{file}.py::test_it") for file in ("one", "two")}
        assert shares == {f"{folder}/"}


def test_the_crash_matrix_fills_the_end():
    ordered = sorted((*MATRIX, *COMPUTE, *WAIT), key=turn_of)
    assert set(ordered[-2:]) == set(MATRIX)
    assert all(waits(test) for test in ordered[:2])
