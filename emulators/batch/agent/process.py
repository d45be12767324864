"""The agent process: starts programs on order, reports how they end, and lets none outlive it.

It uses the standard library only and runs as a script. It reads orders as JSON lines from stdin and
writes reports as JSON lines to stdout.

It is a child subreaper: whatever a task leaves behind, even in its own session, becomes its child,
so the agent finds it. When stdin closes, the emulator has ended; then the agent kills everything
and ends. A lock makes a second agent wait until the first is gone. Before it reads its first order
it kills what a killed agent left behind.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
MARKER = "AZ_BATCH_TASK_DIR"
PATIENCE_S = 5.0
# A process without an environment is looked at again after this time, and for at most this time.
AGAIN_S, DOUBT_S = 0.01, 1.0
BLOCK_BYTES = 512  # Linux counts disk traffic in units of this size.
MONITORS = frozenset({"conmon", "podman"})
_PROC = Path("/proc")
_APPEND = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW


def children_of(pid: int) -> list[int]:
    """Return the direct children of a process."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - plain text is faster, and this runs per task
            found += _children_of_thread(pid, thread)
    return found


def _children_of_thread(pid: int, thread: int | str) -> list[int]:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - as above
        return [int(child) for child in file.read().split()]
    return []


def tree_of(pid: int) -> list[int]:
    """Return a process and all its descendants, parents first."""
    tree = [pid]
    for member in tree:
        tree += [child for child in children_of(member) if child not in tree]
    return tree


def environment_of(pid: int) -> bytes:
    """Return a process's environment; it is empty while the process changes programs, and when it
    is dead."""
    with contextlib.suppress(OSError):
        return (_PROC / str(pid) / "environ").read_bytes()
    return b""


def marker_of(pid: int) -> str:
    """Return the task directory in a process's environment, or an empty text."""
    return marker_in(environment_of(pid))


def marker_in(environment: bytes) -> str:
    """Return the task directory in an environment, or an empty text."""
    for entry in environment.split(b"\0"):
        if entry.startswith(MARKER.encode() + b"="):
            return os.fsdecode(entry.partition(b"=")[2])
    return ""


def _watches_container(pid: int) -> bool:
    """Tell whether a process is the monitor of a container, which ends when its container does."""
    with contextlib.suppress(OSError):
        return Path(os.readlink(f"/proc/{pid}/exe")).name in MONITORS  # noqa: PTH115 - plain text is faster
    return False


def kill_tree(pid: int) -> None:
    """Kill a process, its group and its descendants."""
    for member in tree_of(pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def kill_leftovers(folder: str) -> None:
    """Kill every process whose task directory lies in a folder, and wait until all are gone."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := _leftovers(folder)) and time.monotonic() < deadline:
        for pid in found:
            kill_tree(pid)
        time.sleep(0.005)


def _leftovers(folder: str) -> list[int]:
    pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if marker_of(pid).startswith(f"{folder}/")]


def _identity(user: int | None) -> dict[str, Any]:
    """Return the arguments that make a program run as a user, in no group but the user's own."""
    return {} if user is None else {"user": user, "group": user, "extra_groups": []}


class Agent:
    """The running programs by process id, each with its order's number and task directory.

    What a lingering program leaves running lives until somebody kills the program.
    """

    def __init__(self) -> None:
        self._running: dict[int, tuple[int, str]] = {}
        self._lingers: set[int] = set()
        self._left: dict[int, str] = {}
        self._doubtful: dict[int, float] = {}
        self._removals: dict[int, list[str]] = {}
        self._reports: list[str] = []
        self._nothing = os.open(os.devnull, os.O_RDONLY)

    def obey(self, order: dict[str, Any]) -> None:
        """Carry out one order."""
        if order["op"] == "start":
            self._start(order)
        else:
            self._kill(order["id"])

    def _kill(self, number: int) -> None:
        self._lingers.discard(number)
        for pid, (one, _) in list(self._running.items()):
            if one == number:
                kill_tree(pid)
        if self._left.pop(number, None) is not None:
            self.kill_strays()
            self._report(id=number, event="gone")

    def _start(self, order: dict[str, Any]) -> None:
        try:
            child = self._spawn(order)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None) or 0
            self._report(id=order["id"], event="refused", errno=number, message=str(error))
            return
        # This loop waits for every child itself; the setting keeps Popen from doing the same.
        child.returncode = 0
        self._running[child.pid] = (order["id"], order["env"].get(MARKER, ""))
        if order["lingers"]:
            self._lingers.add(order["id"])
        if order["removal"]:
            self._removals[child.pid] = order["removal"]

    def _spawn(self, order: dict[str, Any]) -> subprocess.Popen[bytes]:
        streams: list[int] = []
        try:
            streams += [os.open(order[name], _APPEND, 0o644) for name in ("stdout", "stderr")]
            return subprocess.Popen(
                order["argv"],
                cwd=order["cwd"],
                env=order["env"],
                stdin=self._nothing,
                stdout=streams[0],
                stderr=streams[1],
                start_new_session=True,
                **_identity(order["user"]),
            )
        finally:
            for stream in streams:
                os.close(stream)

    def reap(self) -> None:
        """Collect dead processes; what a finished program left behind dies with it."""
        while True:
            try:
                seen = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if seen is None:
                return
            number, _ = self._running.get(seen.si_pid, (0, ""))
            if number and number not in self._lingers:
                # Until the leader is collected, nobody else can get the number of its group.
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(seen.si_pid, signal.SIGKILL)
            _, status, used = os.wait4(seen.si_pid, 0)
            self._finish(seen.si_pid, os.waitstatus_to_exitcode(status), used)

    def _finish(self, pid: int, code: int, used: resource.struct_rusage) -> None:
        number, marker = self._running.pop(pid, (0, ""))
        self._removals.pop(pid, None)
        lingers = number in self._lingers and self._has_left(marker)
        self._lingers.discard(number)
        if lingers:
            self._left[number] = marker
        self.kill_strays()
        if number:
            moved = (used.ru_inblock * BLOCK_BYTES, used.ru_oublock * BLOCK_BYTES)
            usage = (used.ru_utime, used.ru_stime, *moved)
            self._report(id=number, event="exited", code=code, usage=usage, lingers=lingers)

    def _strays(self) -> list[int]:
        me = os.getpid()
        return [pid for pid in _children_of_thread(me, me) if pid not in self._running]

    def _has_left(self, marker: str) -> bool:
        """Tell whether a program that has ended left something running."""
        found = [environment_of(pid) for pid in self._strays()]
        return any(not one or marker_in(one) == marker for one in found)

    @property
    def is_unsure(self) -> bool:
        """Tell whether a stray process had no environment when we met it, so that we must look
        again."""
        return bool(self._doubtful)

    def kill_strays(self) -> None:
        """Kill adopted processes that belong to no running program."""
        strays = self._strays()
        at_work = [*(marker for _, marker in self._running.values()), *self._left.values()]
        alive = {marker for marker in at_work if marker} if strays else set()
        doubtful, self._doubtful, now = self._doubtful, {}, time.monotonic()
        for pid in strays:
            environment = environment_of(pid)
            if marker_in(environment) in alive or _watches_container(pid):
                continue
            since = doubtful.get(pid, now)
            if not environment and now - since < DOUBT_S:
                self._doubtful[pid] = since
            else:
                kill_tree(pid)

    def _report(self, **event: object) -> None:
        self._reports.append(json.dumps(event))

    def flush(self) -> None:
        """Send the reports gathered so far."""
        if self._reports:
            text = "\n".join(self._reports) + "\n"
            self._reports.clear()
            sys.stdout.write(text)
            sys.stdout.flush()

    def end(self) -> None:
        """Kill every process: whatever its parent was, it is our child by now."""
        deadline = time.monotonic() + PATIENCE_S
        removals, self._removals = list(self._removals.values()), {}
        for removal in removals:
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                subprocess.run(removal, check=False, capture_output=True, timeout=PATIENCE_S)
        while time.monotonic() < deadline:
            for child in children_of(os.getpid()):
                kill_tree(child)
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue
            except ChildProcessError:
                return
            time.sleep(0.005)


def main(folder: str) -> None:
    """Obey orders until stdin closes; `folder` holds the lock and all task directories."""
    lock = os.open(Path(folder, "agent.lock"), os.O_WRONLY | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    kill_leftovers(folder)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_write, False)
    os.set_blocking(wake_read, False)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    selector = selectors.DefaultSelector()
    selector.register(0, selectors.EVENT_READ)
    selector.register(wake_read, selectors.EVENT_READ)
    agent, pending = Agent(), b""
    while True:
        ready = {key.fd for key, _ in selector.select(AGAIN_S if agent.is_unsure else None)}
        if not ready:
            agent.kill_strays()
        if wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake_read, 65536)
            agent.reap()
        if 0 in ready:
            piece = os.read(0, 1 << 20)
            if not piece:
                break
            *lines, pending = (pending + piece).split(b"\n")
            for line in lines:
                agent.obey(json.loads(line))
        with contextlib.suppress(BrokenPipeError):
            agent.flush()
    agent.end()


if __name__ == "__main__":
    main(sys.argv[1])
