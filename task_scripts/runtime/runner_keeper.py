"""Keeps the runner going: it works in a child process, and is started again if that is killed.

A program may kill or stop its parents. The keeper is one parent more: it wakes a stopped runner,
and after a kill it ends what the program left and lets a new runner go on with the next try.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn


class Keeper:
    """Starts the runner's work in a child, as often as the child is killed and has got further."""

    def __init__(self, work: "Callable[[int], int]", killed: "Callable[[int], bool]") -> None:
        """Take the work, which gets its leash, and what decides after a kill whether to go on."""
        self._work, self._killed = work, killed
        self._child = 0
        self._stopping = False

    def run(self) -> int:
        """Return the exit code of the work. SIGTERM ends the work first."""
        signal.signal(signal.SIGTERM, self._stop)
        while True:
            leash, held = os.pipe()
            self._child = os.fork()
            if self._child == 0:
                os.close(held)
                self._be_child(leash)
            os.close(leash)
            try:
                code = self._wait()
            finally:
                os.close(held)
            if code >= 0:
                return code
            if self._stopping or not self._killed(-code):
                return 128 - code

    def _wait(self) -> int:
        """Wait for the child; return its exit code, or the negative number of a signal."""
        while True:
            _, status = os.waitpid(self._child, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                return os.waitstatus_to_exitcode(status)
            os.kill(self._child, signal.SIGCONT)

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True
        if not self._child:  # there is no child yet, or this is one that has just begun
            _end()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGTERM)

    def _be_child(self, leash: int) -> NoReturn:
        code = 1
        try:
            signal.signal(signal.SIGTERM, _end)
            code = self._work(leash)
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            # The program may have stopped the keeper, which would then wait for ever.
            with contextlib.suppress(OSError):
                os.kill(os.getppid(), signal.SIGCONT)
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _end(*_: object) -> NoReturn:
    raise SystemExit(128 + signal.SIGTERM)
