"""Bodies at the gate: bounded, never unpacked, and not waited for without end."""

import asyncio
import gzip
import json

import pytest
from aiohttp import web

from emulators._gate import Entry
from emulators._porter import Porter, read_body

MOST = 1000
HEAD = b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n"


def refused(_request, refusal):
    return web.json_response({"error": str(refusal)}, status=refusal.status)


def answer_to(*pieces: bytes, idle_s: float = 10.0) -> tuple[int, bytes, bool]:
    """Send a request in pieces; return status and body, and whether the server hung up."""

    async def size(request: web.Request) -> web.Response:
        return web.json_response(len(await read_body(request, MOST, idle_s)))

    async def exchange() -> tuple[int, bytes, bool]:
        guard = Porter((Entry("/"),), "", lambda _: False, refused).middleware()
        app = web.Application(middlewares=[guard])
        app.router.add_post("/", size)
        runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            body = await reader.readexactly(length)
            return int(head.split()[1]), body, b"connection: close" in head.lower()
        finally:
            writer.close()
            await runner.cleanup()

    return asyncio.run(asyncio.wait_for(exchange(), 60))


@pytest.mark.parametrize("size", [0, 1, MOST])
def test_a_body_within_the_limit_is_read(size):
    whole = HEAD + f"Content-Length: {size}\r\n\r\n".encode() + b"x" * size
    assert answer_to(whole) == (200, str(size).encode(), False)


def test_a_body_that_says_it_is_too_large_is_refused_before_it_comes():
    status, body, hung_up = answer_to(HEAD + f"Content-Length: {MOST + 1}\r\n\r\n".encode())
    assert (status, hung_up) == (413, True)
    assert "at most 1,000 bytes" in json.loads(body)["error"]


def test_a_body_that_does_not_say_its_size_is_cut_off_at_the_limit():
    chunk = b"200\r\n" + b"x" * 0x200 + b"\r\n"
    status, _, hung_up = answer_to(HEAD + b"Transfer-Encoding: chunked\r\n\r\n", chunk, chunk)
    assert (status, hung_up) == (413, True)


def test_a_packed_body_stays_packed_so_that_it_cannot_grow():
    bomb = gzip.compress(b"\0" * 300_000)
    assert len(bomb) < MOST
    packed = f"Content-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    assert answer_to(HEAD + packed + bomb) == (200, str(len(bomb)).encode(), False)


def test_a_sender_that_stops_in_the_middle_is_told_so():
    status, body, hung_up = answer_to(HEAD + b"Content-Length: 9\r\n\r\nhalf", idle_s=0.05)
    assert (status, hung_up) == (408, True)
    assert "as many as Content-Length says" in json.loads(body)["error"]
