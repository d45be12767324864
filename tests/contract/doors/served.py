"""An app in memory behind a real HTTP server, with the blobs to which its signed URLs lead."""

import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from pipeline.domain.access import Role
from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.handlers.doors import files, http, looking
from pipeline.handlers.doors.http import Reply
from tests.fakes.app import FakeApp
from tests.fakes.blobs import ENDPOINT
from tests.fakes.identity.signatures import permits

KEYS = {"operator": Role.OPERATOR, "reader": Role.READER}
CALLER = Asker(kind=AskerKind.KEY, name="function key", id="sha256:00000000")

type Query = Mapping[str, str]
type Route = Callable[[FakeApp, Query, bytes, str], Reply]

ROUTES: Mapping[tuple[str, str], Route] = {
    ("GET", "runs"): lambda app, asked, *_: http.list_runs(
        app.engine, *(asked.get(name) for name in ("pipeline", "limit", "active", "after"))
    ),
    ("POST", "runs"): lambda app, _, body, __: http.start_run(_by(app), body, None),
    ("POST", "uploads"): lambda app, _, body, __: files.upload(_by(app), body),
    ("GET", "runs/-"): lambda app, _, __, run: http.show_run(app.engine, run),
    ("POST", "runs/-/cancel"): lambda app, _, __, run: http.cancel_run(_by(app), run),
    ("POST", "runs/-/redrive"): lambda app, asked, _, run: http.redrive_run(
        _by(app), run, asked.get("generation")
    ),
    ("GET", "runs/-/standing"): lambda app, asked, _, run: looking.show_standing(
        app.engine, run, asked.get("failures")
    ),
    ("GET", "runs/-/logs"): lambda app, asked, _, run: looking.show_logs(
        app.engine, run, asked.get("unit"), asked.get("generation")
    ),
    ("GET", "runs/-/outputs"): lambda app, asked, _, run: files.outputs(
        app.engine, run, asked.get("skip"), asked.get("limit")
    ),
}
# The fake's signed URLs lead to this server instead.
_SIGNED = re.compile(rf'{re.escape(ENDPOINT)}(?=[^"]*[?&]sig=)')
_FOR_OPERATORS = re.compile(r"runs/-/(outputs|logs)")


def _by(app: FakeApp):
    return app.engine.asked_by(CALLER)


class Handler(BaseHTTPRequestHandler):
    """Answers as the app does, and as Storage does for its blobs."""

    server: "AppServer"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._put(self._url(), self._body())

    def log_message(self, *_: object) -> None:
        pass

    def _url(self) -> str:
        return f"{ENDPOINT}{self.path.removeprefix('/fanfare')}"

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("content-length", "0")))

    def _answer(self, method: str) -> None:
        body = self._body()
        if self.path.startswith("/fanfare/"):
            self._blob(self._url())
            return
        parts = urlsplit(self.path)
        named = re.sub(r"^(runs/)[^/]+", r"\1-", parts.path.removeprefix("/api/"))
        run = unquote((parts.path.split("/") + [""] * 4)[3])
        reply = self._checked(method, named) or http.answering(
            lambda: ROUTES[method, named](self.server.app, dict(parse_qsl(parts.query)), body, run)
        )
        text = _SIGNED.sub(f"{self.server.base}/fanfare", json.dumps(reply.body))
        self._send(reply.status, text.encode())

    def _checked(self, method: str, named: str) -> Reply | None:
        role = KEYS.get(self.headers.get("x-functions-key", ""))
        if role is None:
            return Reply(401, {})
        steers = method == "POST" or _FOR_OPERATORS.fullmatch(named)
        if steers and role is Role.READER:
            return Reply(403, {"error": "you need the app role Operator", "retry": False})
        return None

    def _blob(self, url: str) -> None:
        if not permits(url, "r"):
            self._send(403, b"")
            return
        ref = self.server.app.world.blobs.at(url)
        facts = self.server.app.world.blobs.head(ref)
        if facts is None:
            self._send(404, b"")
            return
        begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range", ""))
        content = self.server.app.world.blobs.read(ref, int(begin[1]) if begin else 0)
        self._send(206 if begin else 200, content, {"etag": f'"{facts.etag}"'})

    def _put(self, url: str, body: bytes) -> None:
        ref = self.server.app.world.blobs.at(url)
        if not permits(url, "c") or self.server.app.world.blobs.head(ref) is not None:
            self._send(403, b"")
            return
        self.server.app.upload(ref.name, body, ref.container)
        self._send(201, b"")

    def _send(self, status: int, content: bytes, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        head = {"content-length": str(len(content)), **(more or {})}
        for name, value in head.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


class AppServer(ThreadingHTTPServer):
    """The server of one app."""

    def __init__(self, app: FakeApp) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.app, self.base = app, f"http://127.0.0.1:{self.server_port}"


@contextmanager
def served(app: FakeApp) -> Iterator[str]:
    """Serve an app during a with block; its caller's key is the name of a role."""
    server = AppServer(app)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.base
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
