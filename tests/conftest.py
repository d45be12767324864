"""What holds for all tests: their limits, their shares among the workers, and what was skipped."""

import gc
import os
import signal
from collections import Counter

import hypothesis
import pytest
import pytest_timeout

from tests.balance import WAITERS, Shares, turn_of
from tests.depth import EVERYTHING
from tests.guard import marked, set_guard
from tests.patience import Limit, until

LOOK_EVERY_S = 5.0
SHORTEST_GZIP = 18  # bytes: header and trailer
# Property tests see the same examples in every run of `make test`; `make test-all` draws new ones.
hypothesis.settings.register_profile(
    "tests", derandomize=not EVERYTHING, deadline=None, database=None, print_blob=True
)
hypothesis.settings.load_profile("tests")
MARK = set_guard()
for number in (signal.SIGTERM, signal.SIGHUP):
    if signal.getsignal(number) is signal.SIG_DFL:
        # Fixtures end, as after Ctrl-C.
        signal.signal(number, signal.default_int_handler)
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Who starts tests in the background has them ignore Ctrl-C, and all that they start with them.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_process_is_left():
    """Fail the last test if a process that tests started outlives all of them."""
    yield
    left = lambda: "\n".join(marked(MARK).values())  # noqa: E731 - one line
    until(lambda: not marked(MARK), 20, "the end of all that tests started", left)


@pytest.hookimpl(tryfirst=True)
def pytest_timeout_set_timer(item, settings):
    """Let a test's limit pass as slowly as the machine is slow, whatever comes in between."""
    if settings.method != "signal":
        return None
    limit = Limit(settings.timeout)

    def look(*_: object) -> None:
        if limit.passed():
            pytest_timeout.timeout_sigalrm(item, settings)

    def cancel() -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)

    item.cancel_timeout = cancel
    signal.signal(signal.SIGALRM, look)
    signal.setitimer(signal.ITIMER_REAL, LOOK_EVERY_S, LOOK_EVERY_S)
    return True


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Give each core a worker that computes, and add those that wait."""
    return (os.process_cpu_count() or 1) + WAITERS


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    return Shares(config, log)


def pytest_make_parametrize_id(val, argname):
    """Name a test after its argument where the value may be an archive, which holds the time."""
    return argname if isinstance(val, bytes) and len(val) >= SHORTEST_GZIP else None


def pytest_collection_modifyitems(config, items):
    """Let a worker see the tests in the order in which they are dealt out."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: turn_of(item.nodeid))


def pytest_collection_finish():
    """Spare the collector the thousands of tests, which live until the end."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def pytest_terminal_summary(terminalreporter):
    """Tell in one line what was skipped and what it takes."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if reasons:
        told = "; ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
        terminalreporter.line(f"{len(skipped)} skipped: {told}")
