"""Serves an application in the way of every emulator: on loopback, with one ready line, until
SIGTERM."""

import asyncio
import contextlib
import ctypes
import errno
import json
import os
import random
import signal
import socket
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl

    from aiohttp import web

HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_MOST_TRIES = 200
# Below the ports that Linux gives to outgoing connections and to processes that bind port 0.
_QUIET_PORTS = range(20_000, 32_768)


def die_with_parent() -> None:
    """Ask the kernel to send us SIGTERM when our parent ends, so that no orphan stays behind.

    This works on Linux only. The signal belongs to the thread that started this process, so start
    it from a thread that stays.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def bind(port: int) -> socket.socket:
    """Bind a loopback port (0: any free one), or end the process with advice if the port is
    taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        sys.exit(
            f"Port {port} on {HOST} cannot be used ({error.strerror}): stop the process that holds "
            "it or choose another with --port (0 takes any free one)."
        )
    return listener


def reserve(port: int) -> socket.socket:
    """Bind a loopback port for later use or for another process; 0 takes a quiet port.

    A quiet port is one that the kernel gives to nobody while it is not bound.
    """
    for wanted in [port] if port else random.sample(_QUIET_PORTS, _MOST_TRIES):
        reserved = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reserved.bind((HOST, wanted))
        except OSError:
            reserved.close()
            if port:
                raise
        else:
            return reserved
    raise OSError(errno.EADDRINUSE, "No free port was found")


def announce_ready(service: str, endpoint: str, **more: object) -> None:
    """Print the one JSON line that tells a launcher where the service listens."""
    ready = {"service": service, "endpoint": endpoint, "pid": os.getpid(), **more}
    print(json.dumps(ready), flush=True)


def told_to_end() -> asyncio.Event:
    """Return an event that SIGTERM, SIGINT and SIGHUP set; call it in the running loop.

    A signal that is ignored stays ignored, as below nohup or in a background job of a shell.
    """
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, stop.set)
    return stop


async def serve(
    app: "web.Application",
    service: str,
    listener: socket.socket,
    *,
    tls: "ssl.SSLContext | None" = None,
    **more: object,
) -> None:
    """Serve `app` on the bound listener until SIGTERM, SIGINT or SIGHUP, then clean up."""
    from aiohttp import web  # noqa: PLC0415 - a third of a second that only servers have to spend

    # Nothing is unpacked on the way: a small body could become a large one.
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=2.0, auto_decompress=False)
    await runner.setup()
    await web.SockSite(runner, listener, ssl_context=tls).start()
    stop = told_to_end()
    scheme = "https" if tls else "http"
    announce_ready(service, f"{scheme}://{HOST}:{listener.getsockname()[1]}", **more)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()
