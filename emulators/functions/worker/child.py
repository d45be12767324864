"""The child process: one function app in Microsoft's runtime, driven by frames from the host.

A separate thread reads, so that this process ends with the host even while a function blocks the
event loop.
"""

import asyncio
import io
import logging
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import azure_functions_runtime as runtime  # type: ignore[import-untyped]  # the package ships no types

from emulators._http import die_with_parent
from emulators.functions.worker.protos import (
    PROTOS,
    ParameterBinding,
    StatusResult,
    to_datum,
    to_typed_data,
)
from emulators.functions.worker.wire import (
    Datum,
    FunctionMetadata,
    Invoke,
    Json,
    Report,
    Retry,
    encode,
    receive,
)

_RECORD_FIELDS = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


class Channel:
    """Sends frames to the host from any thread."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self.running: dict[str, str] = {}

    def send(self, report: Report) -> None:
        """Send one frame; without a host, end, because nobody needs the work."""
        frame = encode(report)
        try:
            with self._lock:
                self._channel.sendall(frame)
        except OSError:
            end_everything()

    def log(
        self, level: int, logger: str, message: str, extra: dict[str, Json] | None = None
    ) -> None:
        """Send a log line, with the invocation that it belongs to if that is known."""
        invocation = runtime.invocation_id_cv.get() or ""
        self.send({
            "type": "log", "level": level, "logger": logger, "message": message, "id": invocation,
            "function": self.running.get(invocation, ""), "extra": extra or {},
        })  # fmt: skip


class ChannelHandler(logging.Handler):
    """Sends every log record of the app to the host."""

    def __init__(self, channel: Channel) -> None:
        super().__init__()
        self._channel = channel
        self.setFormatter(logging.Formatter())

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record with its extra fields, a traceback appended to the message."""
        extra = {
            name: value if isinstance(value, str | int | float | bool | None) else str(value)
            for name, value in record.__dict__.items()
            if name not in _RECORD_FIELDS
        }
        self._channel.log(
            record.levelno, record.name, self.format(record), cast("dict[str, Json]", extra)
        )


class LineStream(io.TextIOBase):
    """Replaces stdout and stderr: each finished line becomes a log line of its invocation."""

    def __init__(self, channel: Channel, name: str) -> None:
        self._channel = channel
        self._name = name
        self._pending = threading.local()

    def write(self, text: str) -> int:
        """Collect text per thread and send complete lines."""
        *lines, rest = (getattr(self._pending, "text", "") + text).split("\n")
        self._pending.text = rest
        for line in lines:
            self._channel.log(logging.INFO, self._name, line)
        return len(text)

    def writable(self) -> bool:
        """Return True, as text streams do."""
        return True


def end_everything() -> None:
    """Kill this process and what the functions started; the worker leads its own process group."""
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _request(verb: str, **payload: object) -> SimpleNamespace:
    return SimpleNamespace(
        request=SimpleNamespace(**{verb: SimpleNamespace(**payload)}),
        properties={"protos": PROTOS, "host": "127.0.0.1"},
    )


async def index(app: Path) -> Report:
    """Import the function app and describe its functions, or report why that fails."""
    reply = await runtime.worker_init_request(
        _request("worker_init_request", capabilities={}, function_app_directory=str(app))
    )
    if reply.result.status != StatusResult.Success:
        error = reply.result.exception
        return {"type": "failed", "message": error.message, "stack": error.stack_trace}
    if "HttpUri" in reply.capabilities:
        return {
            "type": "failed",
            "message": "HTTP streaming (the FastAPI extension) is not supported.",
            "stack": "",
        }
    listing = await runtime.functions_metadata_request(_request("functions_metadata_request"))
    if not listing.function_metadata_results:
        return {"type": "failed", "message": f"No function was found in {app}.", "stack": ""}
    return {
        "type": "ready",
        "functions": [_describe(found) for found in listing.function_metadata_results],
    }


def _describe(found: SimpleNamespace) -> FunctionMetadata:
    return {
        "id": found.function_id,
        "name": found.name,
        "bindings": list(found.raw_bindings),
        "retry": _retry(found.retry_options),
        "script_file": str(found.script_file),
    }


def _retry(options: SimpleNamespace | None) -> Retry | None:
    if options is None:
        return None

    def seconds(name: str) -> float:
        interval = getattr(options, name, None)
        return float(interval.total_seconds()) if interval is not None else 0.0

    return {
        "strategy": str(options.retry_strategy),
        "max_retry_count": int(options.max_retry_count),
        "delay_s": seconds("delay_interval"),
        "minimum_s": seconds("minimum_interval"),
        "maximum_s": seconds("maximum_interval"),
    }


async def invoke(channel: Channel, frame: Invoke) -> None:
    """Run one function and report how it ended."""
    runtime.invocation_id_cv.set(frame["id"])
    channel.running[frame["id"]] = frame["function"]
    try:
        reply = await runtime.invocation_request(_invocation(frame))
    finally:
        channel.running.pop(frame["id"], None)
    if reply.result.status != StatusResult.Success:
        error = reply.result.exception
        failure: Report = {"type": "result", "id": frame["id"], "ok": False}
        channel.send({**failure, "message": error.message, "stack": error.stack_trace})
        return
    outputs: dict[str, Datum] = {}
    for name, data in [(o.name, o.data) for o in reply.output_data] + [
        ("$return", reply.return_value)
    ]:
        datum = to_datum(data)
        if datum is not None:
            outputs[name] = datum
    channel.send({"type": "result", "id": frame["id"], "ok": True, "outputs": outputs})


def _invocation(frame: Invoke) -> SimpleNamespace:
    return _request(
        "invocation_request",
        invocation_id=frame["id"],
        function_id=frame["function_id"],
        input_data=[
            ParameterBinding(name=n, data=to_typed_data(d)) for n, d in frame["input"].items()
        ],
        trigger_metadata={name: to_typed_data(datum) for name, datum in frame["metadata"].items()},
        trace_context=SimpleNamespace(
            trace_parent=frame["trace_parent"], trace_state=frame["trace_state"], attributes={}
        ),
        retry_context=SimpleNamespace(
            retry_count=frame["retry_count"],
            max_retry_count=frame["max_retry_count"],
            exception=None,
        ),
    )


async def serve(app: Path, connection: socket.socket, channel: Channel) -> None:
    """Index the app, then run what the host asks for until the host is gone."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    def spawn(frame: Invoke) -> None:
        task = loop.create_task(invoke(channel, frame))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def listen() -> None:
        while (frame := receive(connection)) is not None:
            loop.call_soon_threadsafe(spawn, frame)
        end_everything()

    runtime.start_threadpool_executor()
    channel.send(await index(app))
    threading.Thread(target=listen, name="host", daemon=True).start()
    await asyncio.Event().wait()


def _configure_logging(channel: Channel) -> None:
    debug = os.environ.get("PYTHON_ENABLE_DEBUG_LOGGING", "").lower() in {"1", "true"}
    logging.basicConfig(
        level=logging.DEBUG if debug else logging.INFO, handlers=[ChannelHandler(channel)]
    )
    # The runtime announces every invocation, but the host already does.
    logging.getLogger("azure.functions").setLevel(logging.DEBUG if debug else logging.WARNING)
    sys.stdout = LineStream(channel, "stdout")
    sys.stderr = LineStream(channel, "stderr")


def main(descriptor: int, app_folder: str) -> None:
    """Run the worker on an inherited socket; return only after the host is gone."""
    die_with_parent()
    signal.signal(signal.SIGTERM, lambda *_: end_everything())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    app = Path(app_folder).resolve()
    packages = app / ".python_packages" / "lib" / "site-packages"
    sys.path[0:0] = [str(app), *([str(packages)] if packages.is_dir() else [])]
    connection = socket.socket(fileno=descriptor)
    channel = Channel(connection)
    _configure_logging(channel)
    asyncio.run(serve(app, connection, channel))
