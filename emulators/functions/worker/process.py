"""Keeps one worker process alive: starts it, passes it invocations, replaces it when it ends."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from emulators.functions.errors import StartError, WorkerLost
from emulators.functions.worker import wire
from emulators.functions.worker.wire import FunctionMetadata, Invoke, Report

_LOG = logging.getLogger("host.worker")
_ROOT = Path(__file__).resolve().parents[3]
# -P and the late path keep this repository's folders from shadowing the app's own modules.
_BOOTSTRAP = (
    "import sys; sys.path.append(sys.argv[1]); "
    "from emulators.functions.worker.child import main; main(int(sys.argv[2]), sys.argv[3])"
)
_INDEX_S = 120.0
_FIRST_RESTART_S = 0.1
_SLOWEST_RESTART_S = 10.0
_HEALTHY_AFTER_S = 10.0


@dataclass(frozen=True)
class WorkerSpec:
    """What a worker needs to start."""

    app: Path
    environ: Mapping[str, str]


class WorkerProcess:
    """The worker of this host; call `start` once, then `invoke` as often as you like."""

    def __init__(self, spec: WorkerSpec, forward: Callable[[Report], None]) -> None:
        self._spec = spec
        self._forward = forward
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._pending: dict[str, asyncio.Future[Report]] = {}
        self._ready = asyncio.Event()
        self._stopping = asyncio.Event()
        self._supervisor: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the present worker, or 0 between two workers."""
        return self._process.pid if self._process is not None else 0

    @property
    def is_ready(self) -> bool:
        """Tell whether a worker would accept an invocation now."""
        return self._ready.is_set()

    async def start(self) -> list[FunctionMetadata]:
        """Start the worker and index the app; raises StartError with the runtime's words."""
        first: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._supervisor = asyncio.create_task(self._supervise(first))
        try:
            async with asyncio.timeout(_INDEX_S):
                report = await first
        except TimeoutError:
            report = {"type": "failed", "message": f"indexing took longer than {_INDEX_S:g} s"}
        if report["type"] == "ready":
            return report["functions"]
        await self.stop()
        raise StartError(
            f"{self._spec.app} could not be indexed: {report['message']}\n"
            f"{own_frames(report.get('stack', ''), self._spec.app)}".strip()
        )

    async def wait_ready(self) -> None:
        """Wait until a worker would accept an invocation."""
        await self._ready.wait()

    async def invoke(self, frame: Invoke) -> Report:
        """Run one function; raises WorkerLost if the process ends meanwhile."""
        await self._ready.wait()
        writer = self._writer
        if writer is None:
            raise WorkerLost("the worker process ended")
        reply: asyncio.Future[Report] = asyncio.get_running_loop().create_future()
        self._pending[frame["id"]] = reply
        try:
            writer.write(wire.encode(frame))
            return await reply
        finally:
            self._pending.pop(frame["id"], None)

    def kill(self) -> None:
        """Kill the worker with everything that it started; the supervisor starts another."""
        self._ready.clear()
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def stop(self) -> None:
        """End the worker for good."""
        self._stopping.set()
        self.kill()
        if self._supervisor is not None:
            await self._supervisor

    async def _supervise(self, first: asyncio.Future[Report]) -> None:
        delay = _FIRST_RESTART_S
        while not self._stopping.is_set():
            began = asyncio.get_running_loop().time()
            await self._run_once(first)
            if self._stopping.is_set():
                return
            lived = asyncio.get_running_loop().time() - began
            delay = (
                _FIRST_RESTART_S if lived > _HEALTHY_AFTER_S else min(delay * 2, _SLOWEST_RESTART_S)
            )
            _LOG.warning(
                "Worker ended; starting another",
                extra={"delay_s": delay, "lived_s": round(lived, 1)},
            )
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._stopping.wait()

    async def _run_once(self, first: asyncio.Future[Report]) -> None:
        reader, process = await self._spawn()
        output = asyncio.create_task(self._forward_raw_output(process))
        while (report := await wire.read(reader)) is not None:
            self._handle(report, first)
        self.kill()
        code = await process.wait()
        await output
        self._fail_pending(f"the worker process ended (exit code {code})")
        if not first.done():
            first.set_result(
                {"type": "failed", "message": f"the worker ended at once (exit code {code})"}
            )

    async def _spawn(self) -> tuple[asyncio.StreamReader, asyncio.subprocess.Process]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-u", "-c", _BOOTSTRAP,
                str(_ROOT), str(theirs.fileno()), str(self._spec.app),
                pass_fds=(theirs.fileno(),), cwd=self._spec.app, env=dict(self._spec.environ),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        ours.setblocking(False)
        reader, self._writer = await asyncio.open_connection(sock=ours)
        self._process = process
        return reader, process

    def _handle(self, report: Report, first: asyncio.Future[Report]) -> None:
        if report["type"] == "log":
            self._forward(report)
        elif report["type"] == "result":
            pending = self._pending.get(report["id"])
            if pending is not None and not pending.done():
                pending.set_result(report)
        elif first.done() and report["type"] == "failed":
            _LOG.error("The app could no longer be indexed: %s", report["message"])
            self.kill()
        else:
            if report["type"] == "ready":
                self._ready.set()
            if not first.done():
                first.set_result(report)

    async def _forward_raw_output(self, process: asyncio.subprocess.Process) -> None:
        """Forward output that bypasses Python's streams, such as that of a child process of the
        app."""
        if process.stdout is None:
            return
        while chunk := await process.stdout.read(1 << 16):
            for line in chunk.decode("utf-8", "replace").splitlines():
                _LOG.info("%s", line, extra={"stream": "worker"})

    def _fail_pending(self, message: str) -> None:
        self._ready.clear()
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        for reply in self._pending.values():
            if not reply.done():
                reply.set_exception(WorkerLost(message))
        self._pending.clear()


def own_frames(stack: str, app: Path) -> str:
    """Keep the lines of a traceback that lie in the app, because the import machinery helps
    nobody."""
    start = stack.find(f'  File "{app}')
    if start < 0:
        return ""
    lines = stack[start:].splitlines()
    end = next((n for n, line in enumerate(lines) if not line.startswith(" ")), len(lines))
    return "\n".join(lines[: end + 1])
