"""One supervised child process: start, wait until ready, restart after its death, stop."""

import asyncio
import collections
import contextlib
import json
import logging
import logging.handlers
import os
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path

from emulators._http import die_with_parent
from emulators.stack.errors import StackError

_LOG = logging.getLogger("stack")
_READY_S = 120.0
_STOP_S = 20.0
_LAST_LINES_S = 2.0
_HEALTHY_AFTER_S = 10.0
_FIRST_RESTART_S = 0.2
_SLOWEST_RESTART_S = 10.0
_REFUSED = 2
_MOST_REFUSALS = 5
_LOG_BYTES = 10_000_000
_LINE_LIMIT = 1 << 20

type ReadyLine = dict[str, str | int | list[str]]


class Child:
    """A service process; `died` is set when it cannot be kept alive any more."""

    def __init__(
        self, name: str, command: list[str], log: Path, on_restart: Callable[[], None]
    ) -> None:
        self.name = name
        self.ready: ReadyLine = {}
        self.died: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._command = command
        self._on_restart = on_restart
        self._last_lines: collections.deque[str] = collections.deque(maxlen=15)
        self._process: asyncio.subprocess.Process | None = None
        self._supervisor: asyncio.Task[None] | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._writer = _rotating(name, log)

    @property
    def pid(self) -> int:
        """Return the id of the present process, or 0 between two."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> ReadyLine:
        """Start the process and return its ready line; raises StackError if none comes."""
        try:
            launched = await self._launch()
        except OSError as error:
            raise StackError(f"{self.name} did not start: {error}.") from error
        if not launched:
            raise StackError(f"{self.name} did not start.\n{self._last_words()}")
        self._supervisor = self._watched(self._supervise())
        return self.ready

    async def stop(self) -> None:
        """End the process with SIGTERM; SIGKILL for all of its group if it does not react."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.gather(self._supervisor, return_exceptions=True)
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
                process.send_signal(signal.SIGCONT)  # a suspended process would not notice
            try:
                async with asyncio.timeout(_STOP_S):
                    await process.wait()
            except TimeoutError:
                _LOG.warning(
                    "A service ignored SIGTERM and is killed", extra={"service": self.name}
                )
                _kill_group(process.pid)
                await process.wait()
        if self._pumps:
            # Whoever holds the pipes of a service that has ended may hold them for ever.
            await asyncio.wait(self._pumps, timeout=_LAST_LINES_S)
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        with contextlib.suppress(OSError):  # lines that a full disk did not take
            self._writer.close()

    async def _launch(self) -> bool:
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # The child gets its own session: Ctrl-C reaches only the stack, which stops all in
            # order.
            start_new_session=True,
            preexec_fn=die_with_parent,
            limit=_LINE_LIMIT,
        )
        self._process = process
        ready: asyncio.Future[ReadyLine] = asyncio.get_running_loop().create_future()
        self._pumps = [
            self._watched(self._pump(process.stdout, ready)),
            self._watched(self._pump(process.stderr, None)),
        ]
        ended = asyncio.create_task(process.wait())
        either: set[asyncio.Future[ReadyLine] | asyncio.Future[int]] = {ready, ended}
        await asyncio.wait(either, timeout=_READY_S, return_when=asyncio.FIRST_COMPLETED)
        if ready.done():
            self.ready = ready.result()
            return True
        if process.returncode is None:
            _kill_group(process.pid)
        await ended
        await asyncio.gather(*self._pumps)
        return False

    async def _supervise(self) -> None:
        delay, refusals = _FIRST_RESTART_S, 0
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            code = await self._process.wait() if self._process is not None else None
            if loop.time() - began > _HEALTHY_AFTER_S:
                delay, refusals = _FIRST_RESTART_S, 0
            _LOG.warning(
                "A service ended and is started again",
                extra={"service": self.name, "code": code, "delay_s": delay},
            )
            await asyncio.sleep(delay)
            delay = min(delay * 2, _SLOWEST_RESTART_S)
            began = loop.time()
            try:
                if await self._launch():
                    self._on_restart()
                    continue
            except OSError as error:
                # A full disk or a lack of processes may pass, so this is no refusal.
                _LOG.warning(
                    "A service could not be started again yet",
                    extra={"service": self.name, "error": str(error)},
                )
                continue
            refusals += 1
            if refusals >= _MOST_REFUSALS and self._returncode() == _REFUSED:
                self._give_up(f"{self.name} does not start any more.\n{self._last_words()}")
                return

    def _returncode(self) -> int | None:
        return self._process.returncode if self._process is not None else None

    def _watched(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        """Run work that the service depends on; its defect ends the stack with a message."""

        def look(task: asyncio.Task[None]) -> None:
            if not task.cancelled() and (defect := task.exception()) is not None:
                self._give_up(f"{self.name} has lost its supervisor: {defect!r}")

        task = asyncio.create_task(work)
        task.add_done_callback(look)
        return task

    def _give_up(self, why: str) -> None:
        if not self.died.done():
            self.died.set_result(why)

    async def _pump(
        self, stream: asyncio.StreamReader | None, ready: asyncio.Future[ReadyLine] | None
    ) -> None:
        """Copy the process's output to its log, and pick the ready line from it."""
        while stream is not None and (line := await _read_line(stream)):
            text = line.decode("utf-8", "replace").rstrip("\n")
            document = _ready_line(text) if ready is not None and not ready.done() else None
            if ready is not None and document is not None:
                ready.set_result(document)
                continue
            self._last_lines.append(text)
            self._writer.emit(logging.makeLogRecord({"msg": text}))

    def _last_words(self) -> str:
        return "\n".join(self._last_lines)


def _kill_group(leader: int) -> None:
    """Kill a process that nobody has waited for yet, and what it started in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


async def _read_line(stream: asyncio.StreamReader) -> bytes:
    try:
        return await stream.readline()
    except ValueError:
        return b"(a line longer than 1 MiB was left out)\n"


def _ready_line(text: str) -> ReadyLine | None:
    try:
        document = json.loads(text)
    except ValueError:
        return None
    return document if isinstance(document, dict) and "service" in document else None


class _Forgiving(logging.handlers.RotatingFileHandler):
    """A log that loses lines while it cannot be written, so that the service goes on."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the line, because a complaint for each would fill another log."""


def _rotating(name: str, path: Path) -> logging.handlers.RotatingFileHandler:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _Forgiving(path, maxBytes=_LOG_BYTES, backupCount=3)
    except OSError as error:
        raise StackError(f"The log of {name} cannot be written: {error}.") from error
    handler.name = name
    return handler
