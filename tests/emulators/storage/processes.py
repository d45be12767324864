"""Starts an emulator as its users do and reads the ready line."""

import json
import os
import selectors
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from emulators._keys import VARIABLE
from tests.patience import LIMIT_S, stretched

KEY = "Zm9yIHRlc3RzIG9ubHksIG5vdCBhIHNlY3JldCBhdCBhbGwsIGFuZCBsb25nIGVub3VnaCB0byBsb29rIGxpa2Ugb25l"


@dataclass
class Emulator:
    """A running emulator and its ready line."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    said: IO[str]

    def stop(self) -> int:
        """Ask it to end, and return its exit status."""
        self.process.terminate()
        return self.process.wait(stretched(LIMIT_S))

    def close(self) -> None:
        """Wait for its end and close its streams."""
        self.process.wait(stretched(LIMIT_S))
        self.process.stdout.close()
        self.said.close()

    def errors(self) -> str:
        """Return its stderr."""
        self.said.seek(0)
        return self.said.read()


def launch(module: str, *flags: str, key: str = KEY) -> Emulator:
    """Start an emulator with a key and wait for its ready line."""
    command = [sys.executable, "-m", f"emulators.{module}", "--port", "0", *flags]
    # A file, because a pipe that nobody reads fills up and blocks its writer.
    said = tempfile.TemporaryFile("w+")  # noqa: SIM115 - open for as long as the emulator is
    environ = {**os.environ, **({VARIABLE: key} if key else {})}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True, env=environ)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline() if selector.select(stretched(LIMIT_S)) else ""
    if not line:
        process.kill()
        emulator = Emulator(process, {}, said)
        words = emulator.errors()
        emulator.close()
        raise AssertionError(f"{module} did not start: {words}")
    return Emulator(process, json.loads(line), said)


@contextmanager
def running(module: str, *flags: str, key: str = KEY) -> Iterator[Emulator]:
    """Run an emulator during a with block."""
    emulator = launch(module, *flags, key=key)
    try:
        yield emulator
    finally:
        emulator.stop()
        emulator.close()


def in_file(folder: Path, argument: str) -> str:
    """Return an argument that reads another one, with a secret, from a file."""
    path = folder / "argument.txt"
    path.write_text(argument)
    return f"@{path}"


def storage_flags(data) -> list[str]:
    """Return the flags that the storage emulator needs."""
    return ["--data", str(data), "--account", "fanfare"]
