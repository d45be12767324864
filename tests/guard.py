"""Ends what tests started once the process that runs them is gone, however that ended.

Tests start emulators, stacks and programs of all kinds, in sessions of their own. All inherit one
environment variable, by which the guard finds them. It is a process of its own, and a pipe tells it
of the end.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

_NAME = "TESTS_STARTED_THIS"
_ORDERLY_S, _LOOK_S = 20.0, 0.05


def set_guard() -> str:
    """Guard what this process will start; return the mark by which it is found."""
    mark = secrets.token_hex(8)
    command = [sys.executable, "-SE", __file__, mark]
    reading, _writing = os.pipe()  # the other end closes with this process
    process = subprocess.Popen(command, stdin=reading, start_new_session=True)
    process.returncode = 0  # nobody waits for it
    os.close(reading)
    os.environ[_NAME] = mark
    return mark


def marked(mark: str) -> dict[int, str]:
    """Return the living processes with a mark: their ids and command lines."""
    found = {}
    wanted = f"{_NAME}={mark}".encode()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                found[int(entry.name)] = b" ".join(words).decode("utf-8", "replace")
    return found


def _main(mark: str) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    began, told = time.monotonic(), set[int]()
    while left := marked(mark):
        late = time.monotonic() - began > _ORDERLY_S
        for pid in left if late else left.keys() - told:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                os.kill(pid, signal.SIGCONT)
        told |= left.keys()
        time.sleep(_LOOK_S)


if __name__ == "__main__":
    _main(sys.argv[1])
