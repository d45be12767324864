"""Runs the commands of tasks as processes of this machine, each in a session of its own."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

_GRACE_S = 5.0


@dataclass
class Processes:
    """The processes that run now; `stop` ends them, and none starts afterwards."""

    _running: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _stopped: bool = False

    def run(
        self, argv: Sequence[str], folder: Path, environ: Mapping[str, str], limit_s: float
    ) -> int | None:
        """Run a command in `wd` of a folder, beside which its streams are kept.

        Returns the exit code, negative for a signal, or None after the time limit. Raises OSError
        if it cannot be started.
        """
        with (folder / "stdout.txt").open("wb") as out, (folder / "stderr.txt").open("wb") as err:
            process = self._start(argv, folder / "wd", environ, out.fileno(), err.fileno())
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return None
        finally:
            with self._lock:
                self._running.discard(process.pid)

    def _start(
        self, argv: Sequence[str], where: Path, environ: Mapping[str, str], out: int, err: int
    ) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._stopped:
                raise InterruptedError("the command was interrupted")
            process = subprocess.Popen(
                argv,
                cwd=where,
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
            self._running.add(process.pid)
        return process

    def stop(self) -> None:
        """Ask all processes to end: the runner then ends its program."""
        with self._lock:
            self._stopped = True
            for group in self._running:
                _signal(group, signal.SIGTERM)


def _end(process: "subprocess.Popen[bytes]") -> None:
    _signal(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _signal(process.pid, signal.SIGKILL)
    process.wait()


def _signal(group: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
