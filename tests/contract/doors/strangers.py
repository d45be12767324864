"""Apps that answer with anything at all, and the door of a command to them."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer

from pipeline.cli.doors.address import Address
from pipeline.cli.doors.calls import Calls
from pipeline.cli.doors.remote import RemoteDoor

TOKEN = "Bearer s3cret"
RUN = "job-0123456789abcdef0123"
AT = "2026-01-01T00:00:00Z"
ESCAPE = "\x1b]0;owned\x07"


def view(run: str = RUN, **more: object) -> dict:
    """Return a run as an app shows it."""
    origin = {"kind": "other", "key": [], "at": AT}
    times = {"created_at": AT, "changed_at": AT}
    given = {"id": run, "pipeline": "job", "origin": origin, "pool": "cpu", "state": "running"}
    return {**given, **times, **more}


def standing(**more: object) -> dict:
    counts = dict.fromkeys(("done", "items", "failed", "node_seconds"), 0)
    return {"run": view(**more), **counts, "peak_memory": 0, "peak_disk": 0, "remedy": ESCAPE}


@contextmanager
def answering(status: int, content: bytes = b"", **headers: str) -> Iterator[tuple[str, list]]:
    """Answer everything in one way; note what was asked."""
    asked: list[tuple[str, str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append((self.path, self.headers.get("authorization")))
            self.rfile.read(int(self.headers.get("content-length", "0")))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if "content_length" not in headers:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def calls(url: str) -> Calls:
    return Calls(Address(url, key="k"), lambda: {"authorization": TOKEN})


def door(url: str, notes: list[str] | None = None) -> RemoteDoor:
    told = [] if notes is None else notes
    return RemoteDoor(calls(url), told.append, sleep=lambda _: None)


@contextmanager
def dropping(*answers: bytes, later: list[bytes] | None = None) -> Iterator[tuple[str, list]]:
    """Answer with exactly these bytes, one after the other, and hang up; note the bodies.

    `later` is filled by who needs the address for it.
    """
    heard: list[bytes] = []
    left = list(answers) if later is None else later

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            size = 0
            while (line := self.rfile.readline()).strip():
                if line.lower().startswith(b"content-length:"):
                    size = int(line.split(b":")[1])
            heard.append(self.rfile.read(size))
            self.wfile.write(left.pop(0))

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", heard
        finally:
            server.shutdown()
            thread.join()


def whole(body: object, status: str = "200 OK") -> bytes:
    content = json.dumps(body).encode()
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(content)}\r\n\r\n".encode() + content
