"""Serves blobs to the programs of this machine by signed URLs, as Storage does: whole, or a range.

It listens from the start, so that URLs are known, and answers from the first signature on.
"""

import re
import socket
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from pipeline.adapters.machine.blobs import FolderBlobs
from pipeline.errors import Permanent

_RANGE = re.compile(r"bytes=([0-9]{1,18})-([0-9]{0,18})")
HOST = "127.0.0.1"
_LOOK_S = 0.02  # between two looks whether it should end


class Listener:
    """The server of one folder of blobs."""

    def __init__(self, listening: socket.socket, blobs: FolderBlobs) -> None:
        self._server = ThreadingHTTPServer((HOST, 0), _answering(blobs), bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._server.daemon_threads = True
        Thread(target=self._server.serve_forever, args=(_LOOK_S,), daemon=True).start()

    def close(self) -> None:
        """End; requests that are being answered end with the process."""
        self._server.shutdown()
        self._server.server_close()


def _answering(blobs: FolderBlobs) -> Callable[..., BaseHTTPRequestHandler]:
    def handler(*args: object) -> BaseHTTPRequestHandler:
        return _Answer(blobs, *args)

    return handler


class _Answer(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, blobs: FolderBlobs, *args: object) -> None:
        self._blobs = blobs
        super().__init__(*args)  # type: ignore[arg-type] # request, address and server, as given

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: lines of requests are no output of a command."""

    def do_HEAD(self) -> None:
        """Answer with the headers alone."""
        self._answer(body=False)

    def do_GET(self) -> None:
        """Answer with a blob, or with the range that is asked for."""
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        try:
            ref = self._blobs.opens(self.path)
        except (Permanent, ValueError):
            ref = None
        facts = self._blobs.head(ref) if ref else None
        if ref is None or facts is None:
            self._refuse(403 if ref is None else 404)
            return
        asked = self.headers["x-ms-range"] or self.headers["Range"]
        found = _RANGE.fullmatch(asked or "")
        begin = int(found[1]) if found else 0
        end = min(int(found[2]) + 1 if found and found[2] else facts.size, facts.size)
        if found and begin >= facts.size:
            self._refuse(416)
            return
        self.send_response(206 if found else 200)
        if found:
            self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{facts.size}")
        self.send_header("ETag", f'"{facts.etag}"')
        self.send_header("Content-Type", facts.content_type)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(end - begin))
        self.end_headers()
        if body:
            for chunk in self._blobs.stream(ref, begin, end - begin):
                self.wfile.write(chunk)

    def _refuse(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()
