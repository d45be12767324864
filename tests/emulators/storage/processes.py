"""Starts an emulator as its users do and reads the ready line."""

import json
import selectors
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

KEY = "Zm9yIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldCBhdCBhbGwsIGFuZCBsb25nIGVub3VnaCB0byBsb29rIGxpa2Ugb25l"
READY_S = 30.0


@dataclass
class Emulator:
    """A running emulator and what its ready line said."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]

    def stop(self) -> int:
        """Ask it to end and return its exit status."""
        self.process.terminate()
        return self.process.wait(READY_S)


def launch(module: str, *flags: str) -> Emulator:
    """Start an emulator and wait for its ready line."""
    command = [sys.executable, "-m", f"emulators.{module}", "--port", "0", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(READY_S) else ""
    if not line:
        process.kill()
        raise AssertionError(f"{module} did not start: {process.communicate()[1]}")
    return Emulator(process, json.loads(line))


@contextmanager
def running(module: str, *flags: str) -> Iterator[Emulator]:
    """Run an emulator for the length of a with block."""
    emulator = launch(module, *flags)
    try:
        yield emulator
    finally:
        emulator.stop()
        emulator.process.stdout.close()
        emulator.process.stderr.close()


def storage_flags(data) -> list[str]:
    """Return the flags that the storage emulator needs."""
    return ["--data", str(data), "--account", "fanfare", "--key", KEY]
