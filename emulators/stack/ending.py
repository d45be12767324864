"""What tells a stack to end: signals, and the end of whoever started it."""

import asyncio
import os
import sys

from emulators import _http

_STAY = b"stay\n"
_CHUNK_BYTES = 64


def told_to_end(*, with_starter: bool) -> asyncio.Event:
    """Return an event that is set when the stack has to stop; call it in the running loop.

    `with_starter`: the end of stdin tells it too, unless the line `stay` came before. A pipe ends
    with its writer, however that ends, so even SIGKILL of the starter leaves no stack behind.
    """
    stop = _http.told_to_end()
    if with_starter:
        _watch(asyncio.get_running_loop(), stop)
    return stop


def _watch(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    stdin, said = sys.stdin.fileno(), bytearray()

    def look() -> None:
        piece = os.read(stdin, _CHUNK_BYTES)
        said.extend(piece)
        if piece and not said.startswith(_STAY):
            return
        loop.remove_reader(stdin)
        if not piece:
            stop.set()

    loop.add_reader(stdin, look)
