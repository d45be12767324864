"""Asks the Azure CLI, as a child process without a shell, and reads the JSON that it prints.

It has the person's login already, and the preflight runs before anything of a deployment exists.
"""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock
from typing import Self

from pipeline.domain.preflight.findings import Reply
from pipeline.domain.texts.visible import visible

_LAST = ("--output", "json", "--only-show-errors")
_LONGEST = 300


@dataclass
class Az:
    """The Azure CLI of this machine; `stop` ends what it runs, and nothing starts afterwards."""

    program: str
    _running: set[int] = field(default_factory=set)
    _lock: Lock = field(default_factory=Lock)
    _stopped: bool = False

    @classmethod
    def found(cls) -> Self | None:
        """Find the program `az`, or return None."""
        program = shutil.which("az")
        return cls(program) if program else None

    def ask(self, words: Sequence[str], limit_s: float) -> Reply:
        """Return what one command prints, or why it prints nothing. Raises nothing."""
        try:
            process = self._started(words)
        except OSError as error:
            return Reply(trouble=f"az does not start: {error}")
        try:
            out, err = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            _end(process.pid)
            process.communicate()
            return Reply(trouble=f"az did not answer within {limit_s:g} s")
        finally:
            with self._lock:
                self._running.discard(process.pid)
        if process.returncode:
            return Reply(trouble=_said(err) or f"az ended with code {process.returncode}")
        return _read(out)

    def stop(self) -> None:
        """End all commands that run now."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for pid in running:
            _end(pid)

    def _started(self, words: Sequence[str]) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._stopped:
                raise InterruptedError("it was interrupted")
            # A session of its own: `az` is a script around Python, and both have to end.
            process = subprocess.Popen(
                (self.program, *words, *_LAST),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            self._running.add(process.pid)
        return process


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _read(printed: bytes) -> Reply:
    try:
        return Reply(json.loads(printed))
    except (ValueError, RecursionError):
        return Reply(trouble="az printed something else than JSON")


def _said(err: bytes) -> str:
    """Return the message of an error, on one line of bounded length."""
    lines = visible(err.decode("utf-8", "replace")).splitlines()
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    said = " ".join(" ".join(errors).removeprefix("ERROR:").split())
    return said if len(said) <= _LONGEST else f"{said[: _LONGEST - 1]}…"
