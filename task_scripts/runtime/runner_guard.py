"""Runs one program once: in its own session, with limits on time and output, and leaves nothing.

There are three processes. The supervisor (the runner itself) forks a guardian, and the guardian
starts the program. So a program that kills its parent kills only the guardian, and the supervisor
records that. The supervisor holds a leash, a pipe that the guardian reads. The leash ends when the
supervisor is done or dead, and the guardian then ends the program. A supervisor that is killed is
replaced by its keeper. This does not stop a program that hides by changing both session and
environment: nodes are the security boundary.
"""

import contextlib
import errno
import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_launch as launching
    from task_scripts.runtime import runner_processes as processes
    from task_scripts.runtime.files import runner_disk as disks
    from task_scripts.runtime.secrecy import runner_capture as captures
    from task_scripts.runtime.secrecy import runner_redaction as redaction
else:  # on a node the files are in one folder
    import runner_capture as captures
    import runner_disk as disks
    import runner_launch as launching
    import runner_processes as processes
    import runner_redaction as redaction

GRACE_S = 2.0
_CHUNK = 64 * 1024
_PIPE_BYTES = 1024 * 1024
_LOOK_S = 0.5  # between signals to parents that the program may have stopped
_NO_PROGRAM = (errno.ENOENT, errno.EACCES, errno.ENOTDIR, errno.ENOEXEC)


class Order(NamedTuple):
    """What to run, and how long; child processes inherit `marker` (NAME=value) in `environ`.

    When the other end of the pipe `leash` is closed, the runner's keeper is gone, and all ends. The
    output that is kept is without what `redactor` hides; `live` gets all of it as it comes. A
    program that takes the last of `disk` is ended.
    """

    argv: Sequence[str]
    cwd: str
    environ: Mapping[str, str]
    marker: str
    limit_s: float
    grace_s: float = GRACE_S
    leash: "int | None" = None
    redactor: "redaction.Redactor | None" = None
    disk: "disks.Disk | None" = None
    live: "captures.Live | None" = None


class Ended(NamedTuple):
    """How a program ended: with an exit code, not started, timed out, or guardian killed.

    `memory` is the most that it took, in bytes; `overrun` says how it took the last of the disk.
    """

    seconds: float
    output: bytes
    exit_code: int | None = None
    timed_out: bool = False
    missing: str | None = None
    refused: str | None = None
    guardian_killed: bool = False
    memory: int = 0
    overrun: str | None = None


def run_guarded(order: Order) -> Ended:
    """Run a program to its end or its time limit, and end all processes that it started."""
    report, report_end = os.pipe()
    output, output_end = os.pipe()
    leash_end, leash = os.pipe()
    guardian = os.fork()
    if guardian == 0:
        for fd in (report, output, leash):
            os.close(fd)
        _Guardian(order, report_end, leash_end).run(output_end)
    for fd in (report_end, output_end, leash_end):
        os.close(fd)
    watch = _Watch(order, guardian, report, output)
    try:
        watch.wait()
    finally:
        watch.clean_up(leash)
    return watch.result()


def rouse(*pids: int) -> None:
    """Let processes go on that a program has stopped."""
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)


class _Guardian:
    """The program's parent; it reports in lines of JSON, and never reaps before the leash ends."""

    def __init__(self, order: Order, report: int, leash: int) -> None:
        self._order, self._report, self._leash = order, report, leash

    def run(self, output: int) -> NoReturn:
        try:
            os.setsid()  # a kill of the supervisor's group must leave a process that cleans up
            _offer_to_the_kernel()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            self._start_and_watch(output)
        finally:
            os._exit(0)

    def _start_and_watch(self, output: int) -> None:
        wake, wake_end = os.pipe()
        for fd in (wake, wake_end):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            order = self._order
            program = launching.launch(order.argv, order.cwd, order.environ, output)
        except OSError as error:
            reason = "missing" if error.errno in _NO_PROGRAM else "refused"
            self._send({reason: os.strerror(error.errno or 0)})
        except ValueError as error:
            self._send({"refused": str(error)})
        else:
            self._send({"pid": program})
            os.close(output)
            self._watch(program, wake)

    def _watch(self, pid: int, wake: int) -> None:
        poller = select.poll()
        poller.register(wake, select.POLLIN)
        poller.register(self._leash, select.POLLIN)
        running = True
        while self._leash not in (ready := dict(poller.poll(_LOOK_S * 1000))):
            rouse(os.getppid())
            if wake in ready:
                os.read(wake, _CHUNK)
            if running and (code := _exit_code(pid)) is not None:
                running = False
                self._send({"exit": code})
        _signal_group(pid, signal.SIGKILL)
        if not os.read(self._leash, 1):  # no farewell byte: the supervisor was killed
            processes.hunt(self._order.marker)
        self._send({"memory": processes.reaped(pid)})

    def _send(self, fact: dict[str, int | str]) -> None:
        os.write(self._report, json.dumps(fact).encode() + b"\n")


def _offer_to_the_kernel() -> None:
    """Let the kernel rather kill the program than the runner when memory runs out."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _exit_code(pid: int) -> int | None:
    """Return the exit code without reaping: while the zombie exists, its id is not reused."""
    state = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    if state is None:
        return None
    return state.si_status if state.si_code == os.CLD_EXITED else -state.si_status


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


class _Watch:
    """The supervisor's view of one running program."""

    def __init__(self, order: Order, guardian: int, report: int, output: int) -> None:
        self._order, self._guardian = order, guardian
        self._report, self._output = report, output
        self._capture = captures.Capture(redactor=order.redactor)
        self._facts: dict[str, int | str] = {}
        self._unread = b""
        self._over = self._timed_out = self._guardian_killed = False
        self._started = self._look_at = time.monotonic()
        self._overrun: str | None = None
        self._seconds = 0.0
        self._peak = processes.Peak()
        self._poller = select.poll()
        for fd in (report, output, *([] if order.leash is None else [order.leash])):
            self._poller.register(fd, select.POLLIN)
        os.set_blocking(output, False)
        with contextlib.suppress(OSError):  # a larger pipe is only faster
            fcntl.fcntl(output, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)

    def wait(self) -> None:
        """Read output and the guardian's reports until the program has ended or was ended."""
        steps = self._steps()
        deadline = next(steps)
        while not self._over:
            rest_s = deadline - time.monotonic()
            if rest_s <= 0:
                deadline = next(steps)
                continue
            self._peak.look(self._pid)
            if self._overruns():
                deadline = time.monotonic()
                continue
            rouse(self._guardian, *([] if self._order.leash is None else [os.getppid()]))
            for fd, _ in self._poller.poll(min(rest_s, _LOOK_S) * 1000 + 1):
                if fd == self._order.leash:
                    raise SystemExit(1)
                if fd == self._report:
                    self._read_report()
                else:
                    self._read_output()
        self._seconds = time.monotonic() - self._started

    def _overruns(self) -> bool:
        """Look from time to time at the disk; return whether the program is to end for it now."""
        now, disk = time.monotonic(), self._order.disk
        if disk is None or self._overrun is not None or now < self._look_at:
            return False
        self._look_at = now + _LOOK_S
        self._overrun = disk.overrun()
        return self._overrun is not None

    def _steps(self) -> Iterator[float]:
        """Yield the next deadline, and act after it: SIGTERM, then SIGKILL, then give up."""
        yield self._started + self._order.limit_s
        self._timed_out = True
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._pid:
                _signal_group(self._pid, number)
            yield time.monotonic() + self._order.grace_s
        self._over = True
        yield time.monotonic()

    @property
    def _pid(self) -> "int | None":
        pid = self._facts.get("pid")
        return None if pid is None else int(pid)

    def _read_report(self) -> bool:
        data = os.read(self._report, _CHUNK)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._facts.update(json.loads(line))
        ended = bool(self._facts.keys() & {"exit", "missing", "refused"})
        if not self._over:
            self._guardian_killed = not data and not ended
        self._over = self._over or ended or not data
        return bool(data)

    def _read_output(self) -> bool:
        try:
            data = os.read(self._output, _CHUNK)
        except BlockingIOError:
            return False
        if data:
            self._capture.add(data)
            if self._order.live:
                self._order.live.add(data)
        else:
            self._poller.unregister(self._output)
        return bool(data)

    def clean_up(self, leash: int) -> None:
        """End the remaining processes of the program, then the guardian."""
        if self._pid:
            _signal_group(self._pid, signal.SIGKILL)
        processes.hunt(self._order.marker)
        for _ in range(_PIPE_BYTES // _CHUNK * 4):
            if not self._read_output_left():
                break
        with contextlib.suppress(BrokenPipeError):  # the guardian was killed
            os.write(leash, b"!")
        os.close(leash)
        self._poller = select.poll()
        self._poller.register(self._report, select.POLLIN)
        while self._poller.poll(1000) and self._read_report():
            pass
        os.kill(self._guardian, signal.SIGKILL)  # the program may have stopped the guardian
        os.waitpid(self._guardian, 0)
        os.close(self._report)
        os.close(self._output)

    def _read_output_left(self) -> bool:
        with contextlib.suppress(KeyError):  # its end was read before
            return self._read_output()
        return False

    def result(self) -> Ended:
        """Return how the program ended."""
        facts, timed_out = self._facts, self._timed_out
        code = facts.get("exit")
        self._peak.note(int(facts.get("memory", 0)))
        return Ended(
            seconds=self._seconds,
            output=self._capture.text(),
            exit_code=int(code) if code is not None else None,
            timed_out=timed_out and self._overrun is None,
            overrun=self._overrun,
            missing=str(facts["missing"]) if "missing" in facts else None,
            refused=str(facts["refused"]) if "refused" in facts else None,
            guardian_killed=self._guardian_killed and not timed_out,
            memory=self._peak.bytes,
        )
