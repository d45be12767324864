"""The frames between host and worker: length-prefixed JSON over one socket pair."""

import asyncio
import base64
import json
import socket
import struct
from typing import Literal, NotRequired, TypedDict, cast

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None

_HEADER = struct.Struct(">I")


class Datum(TypedDict):
    """One typed value; `bytes` travel as base64, `http` as a mapping with its own body datum."""

    kind: Literal["string", "bytes", "json", "http", "int", "double"]
    value: Json


class Retry(TypedDict):
    """A retry policy as the app declared it; delays in seconds."""

    strategy: str
    max_retry_count: int
    delay_s: float
    minimum_s: float
    maximum_s: float


class FunctionMetadata(TypedDict):
    """One function as the runtime indexed it."""

    id: str
    name: str
    bindings: list[str]
    retry: Retry | None
    script_file: str


class Invoke(TypedDict):
    """Host to worker: run one function."""

    type: Literal["invoke"]
    id: str
    function_id: str
    function: str
    input: dict[str, Datum]
    metadata: dict[str, Datum]
    trace_parent: str
    trace_state: str
    retry_count: int
    max_retry_count: int


class Report(TypedDict):
    """Worker to host: one frame of any kind; `type` decides which keys are set."""

    type: Literal["ready", "failed", "result", "log"]
    functions: NotRequired[list[FunctionMetadata]]
    id: NotRequired[str]
    ok: NotRequired[bool]
    outputs: NotRequired[dict[str, Datum]]
    message: NotRequired[str]
    stack: NotRequired[str]
    level: NotRequired[int]
    logger: NotRequired[str]
    function: NotRequired[str]
    extra: NotRequired[dict[str, Json]]


def text(value: str) -> Datum:
    """Wrap a string."""
    return {"kind": "string", "value": value}


def binary(value: bytes) -> Datum:
    """Wrap bytes."""
    return {"kind": "bytes", "value": base64.b64encode(value).decode("ascii")}


def json_text(value: Json) -> Datum:
    """Wrap a value as JSON text."""
    return {"kind": "json", "value": json.dumps(value)}


def as_bytes(datum: Datum) -> bytes:
    """Return a scalar datum as the bytes that a queue message or an HTTP body would carry."""
    value = datum["value"]
    if datum["kind"] == "bytes":
        return base64.b64decode(cast("str", value))
    return str(value).encode()


def encode(frame: Invoke | Report) -> bytes:
    """Serialise one frame, with its length in front."""
    body = json.dumps(frame).encode()
    return _HEADER.pack(len(body)) + body


def receive(channel: socket.socket) -> Invoke | None:
    """Read one frame, blocking; return None once the other side is gone."""
    header = _receive_exactly(channel, _HEADER.size)
    body = header and _receive_exactly(channel, _HEADER.unpack(header)[0])
    return cast("Invoke", json.loads(body)) if body else None


def _receive_exactly(channel: socket.socket, count: int) -> bytes | None:
    received = bytearray()
    while len(received) < count:
        chunk = channel.recv(min(count - len(received), 1 << 20))
        if not chunk:
            return None
        received += chunk
    return bytes(received)


async def read(reader: asyncio.StreamReader) -> Report | None:
    """Read one frame from the worker; return None once it is gone."""
    try:
        header = await reader.readexactly(_HEADER.size)
        return cast("Report", json.loads(await reader.readexactly(_HEADER.unpack(header)[0])))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
