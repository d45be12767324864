"""Starts, finds and stops the detached process of the local stack, and keeps its folder of state.

The stack holds a lock on its folder as long as it lives. The lock, not a process id, shows whether
it runs.
"""

import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project, current
from pipeline.cli.stack import signals
from pipeline.cli.stack.config import Json, Keys

LOCK, ENV = "stack.lock", "app.env"
_MODULE = "emulators.stack"
_STAY = b"stay\n"
_READY_S = 150.0
_STOP_S = 40.0
_POLL_S = 0.05
_LAST_WORDS = 2000


class LocalStack:
    """The local stack of one data folder, running or not; by default that of the project."""

    def __init__(self, data: Path | None = None, project: Project | None = None) -> None:
        self._project = project or current()
        self.data = (data or self._project.data).resolve()
        self.state = self.data / "stack.json"
        self.config = self.data / "stack-config.json"
        self.env = self.data / ENV
        self.logs = self.data / "logs"
        self._tie: IO[bytes] | None = None

    def command(self, words: str) -> str:
        """Write a `fanfare` command that means the stack of this folder, where it is pasted."""
        return f"fanfare {words}{self._named('--data')}"

    def against(self, words: str) -> str:
        """Write a `fanfare` command that works on this stack as its target."""
        return f"fanfare {words}{self._named('--target')}"

    def running(self) -> bool:
        """Return whether a stack holds the folder."""
        try:
            import fcntl  # noqa: PLC0415 - Windows has none, and no local stack
        except ImportError:
            return False
        try:
            with (self.data / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False
        except BlockingIOError:
            return True
        return False

    def description(self) -> dict[str, Json]:
        """Return the running stack's own description; {} while it starts or stops."""
        try:
            found = json.loads(self.state.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def keys(self) -> Keys:
        """Return the keys of this folder, drawn at the first call."""
        path = self.data / "keys.json"
        try:
            return Keys.parse(path.read_text("utf-8"))
        except FileNotFoundError:
            keys = Keys.draw()
            write_private(path, keys.dump())
            return keys
        except (OSError, ValueError, TypeError) as error:
            raise CommandError(f"{path} is damaged ({error}): {self._start_over()}.") from error

    def start(self, config: Mapping[str, Json], app_root: Path) -> None:
        """Start the stack and wait until it is ready. Raises CommandError with its last words.

        Until `release` is called the stack ends with this process, however that ends.
        """
        self.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.data.chmod(0o700)  # an earlier release left it open to others
        write_private(self.config, json.dumps(config, indent=2))
        self.logs.mkdir(exist_ok=True)
        complaint = self.logs / "start.log"
        command = ["-m", _MODULE, "--data", str(self.data), "--config", str(self.config)]
        command.append("--with-starter")
        with complaint.open("wb") as stderr:
            process = subprocess.Popen(
                [sys.executable, *command],
                cwd=app_root,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            ready = process.stdout is not None and _ready(process.stdout.fileno())
        except BaseException:  # such as Ctrl-C: what it has started ends in order, too
            signals.ending()
            _end(process)
            raise
        if process.stdout is None or not ready:
            _end(process)
            words = complaint.read_text("utf-8", "replace").strip()[-_LAST_WORDS:]
            raise CommandError(
                f"The local stack did not start: {words or 'it printed nothing'}\n"
                f"Logs: {self.logs}. If its data is damaged, {self._start_over()}."
            )
        process.stdout.close()
        self._tie = process.stdin
        process.returncode = 0  # `stop` waits for the lock of its folder instead

    def release(self) -> None:
        """Let the stack that this process started outlive it."""
        if self._tie is not None:
            tie, self._tie = self._tie, None
            with suppress(BrokenPipeError), tie:
                tie.write(_STAY)

    def stop(self, *, force: bool = False) -> None:
        """End the stack; `force` kills it at once. Raises CommandError if it does not stop."""
        signals.ending()
        pid = self._pid()
        if pid is None:
            raise CommandError(
                f"A process that is not the local stack holds {self.data}: "
                f"find and end the process that has {self.data / LOCK} open."
            )
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL if force else signal.SIGTERM)
        deadline = time.monotonic() + _STOP_S
        while self.running():
            if time.monotonic() > deadline:
                raise CommandError(
                    f"The local stack (process {pid}) does not stop: "
                    f"`{self.command('down --force')}` kills it.",
                    Exit.TIMED_OUT,
                )
            time.sleep(_POLL_S)
        if self._tie is not None:
            self._tie.close()
            self._tie = None
        self.forget()

    def forget(self) -> None:
        """Remove the files that exist only while the stack runs."""
        self.env.unlink(missing_ok=True)
        self.state.unlink(missing_ok=True)

    def app_url(self) -> str:
        """Return where the running stack's app answers; "" while it starts or stops."""
        return _url_in(self.description())

    def function_key(self) -> str:
        """Return the key that opens the app's HTTP functions; "" if there is none."""
        try:
            found = json.loads((self.data / "functions" / "keys.json").read_text("utf-8"))
            return str(found["host"]["default"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def app_settings(self) -> dict[str, str]:
        """Return the app settings that the running stack has filled in."""
        path = self.data / "functions-settings.json"
        try:
            found: dict[str, str] = json.loads(path.read_text("utf-8"))["Values"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CommandError(f"{path} cannot be read ({error}): {self._start_over()}.") from error
        return found

    def erase(self) -> None:
        """Delete the folder. Raises CommandError if it is not that of a local stack."""
        if not self.data.exists():
            return
        of_a_stack = any((self.data / name).exists() for name in ("keys.json", LOCK))
        if not of_a_stack and any(self.data.iterdir()):
            raise CommandError(
                f"{self.data} does not look like the data of a local stack: delete it yourself.",
                Exit.USAGE,
            )
        shutil.rmtree(self.data)

    def _named(self, option: str) -> str:
        folder = (
            "" if self.data == self._project.data else f" {option} {shlex.quote(str(self.data))}"
        )
        return f"{self._project.option}{folder}"

    def _start_over(self) -> str:
        return f"`{self.command('up --fresh')}` starts over and deletes all data in {self.data}"

    def _pid(self) -> int | None:
        """Find the process, and make sure that it is the stack of this folder."""
        recorded = self.description().get("pid")
        if isinstance(recorded, int) and self._is_stack(recorded):
            return recorded
        pids = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return next((pid for pid in pids if self._is_stack(pid)), None)

    def _is_stack(self, pid: int) -> bool:
        try:
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode("utf-8", "replace")
        except OSError:
            return False
        words = arguments.split("\0")
        return _MODULE in words and str(self.data) in words


def write_private(path: Path, text: str) -> None:
    """Write a file in one step, readable only by its owner."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a stack that is not ready: in order, or else by force, which its services notice."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ready(stdout: int) -> bool:
    """Wait for the one line that a stack prints when it is ready."""
    readable, _, _ = select.select([stdout], [], [], _READY_S)
    return bool(readable) and bool(os.read(stdout, 1))


def _url_in(description: Mapping[str, Json]) -> str:
    match description:
        case {"endpoints": {"functions": {"endpoint": str(url)}}}:
            return url.rstrip("/")
    return ""
