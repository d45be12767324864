"""What holds for all tests: their limits."""

import signal

import pytest
import pytest_timeout

from tests.patience import Limit

LOOK_EVERY_S = 5.0


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
