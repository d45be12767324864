"""Lets a program that has started something clean up when it is told to end."""

import signal
import sys
from types import FrameType
from typing import NoReturn

_AGAIN_S = 1.0


def end_in_order() -> None:
    """Make SIGTERM and SIGHUP raise SystemExit, as SIGINT raises KeyboardInterrupt.

    So `finally` blocks run. A second signal does not disturb them. What is ignored stays ignored.
    Python drops what is raised in a finaliser, and libraries have bare `except:` blocks. So it is
    raised again every second until `ending` is called.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _leave)


def ending() -> None:
    """Say that the program has begun to clean up, which must not be disturbed."""
    signal.setitimer(signal.ITIMER_REAL, 0)


def _leave(number: int, _frame: FrameType | None) -> NoReturn:
    def leave(*_: object) -> NoReturn:
        sys.exit(128 + number)

    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, leave)
    signal.setitimer(signal.ITIMER_REAL, _AGAIN_S, _AGAIN_S)
    leave()
