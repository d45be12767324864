"""An app for the client without a network: the engine's own handlers over the fakes.

`Site.handle` takes requests of httpx as the function app and Storage would. Faults can be put in
front: answers that come instead, and answers that are lost after the work was done.
"""

import json
from collections.abc import Callable
from urllib.parse import unquote

import httpx

from pipeline.handlers.doors import files, http
from pipeline.handlers.doors.http import Reply
from tests.fakes.app import FakeApp
from tests.fakes.identity.signatures import permits

APP, KEY = "https://app.example.org", "k-1"
STORAGE = "https://account.blob.core.windows.net"


class Site:
    """The app and the storage account behind one transport; `asked` has what came."""

    def __init__(self, app: FakeApp) -> None:
        self.app = app
        self.asked: list[httpx.Request] = []
        self.faults: list[Callable[[httpx.Request], httpx.Response | None]] = []

    def once(self, fault: Callable[[httpx.Request], httpx.Response | None]) -> None:
        """Let the next requests meet a fault, until it has answered or raised once."""
        self.faults.append(fault)

    def handle(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        request.read()
        return _unread(self._handled(request))

    async def handle_async(self, request: httpx.Request) -> httpx.Response:
        """Answer a request of an asynchronous client."""
        await request.aread()
        return _unread(self._handled(request))

    def _handled(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        for fault in list(self.faults):
            try:
                answer = fault(request)
            except httpx.TransportError:
                self.faults.remove(fault)
                raise
            if answer is not None:
                self.faults.remove(fault)
                return answer
        return self.served(request)

    def served(self, request: httpx.Request) -> httpx.Response:
        """Answer a request as if there were no fault."""
        if str(request.url).startswith(APP):
            if request.headers.get("x-functions-key") != KEY:
                return httpx.Response(401)
            reply = http.answering(lambda: self._routed(request))
            return httpx.Response(
                reply.status, content=json.dumps(reply.body), headers=dict(reply.headers)
            )
        return self._stored(request)

    def _routed(self, request: httpx.Request) -> Reply:
        asked = request.url.params
        path = request.url.raw_path.decode().partition("?")[0].removeprefix("/api/")
        first, *rest = [unquote(part) for part in path.split("/")]
        run = rest[0] if rest else ""
        engine, body = self.app.engine, request.content
        routes: dict[tuple[str, ...], Callable[[], Reply]] = {
            ("POST", "runs"): lambda: http.start_run(engine, body, None),
            ("GET", "runs"): lambda: http.list_runs(
                engine, *(asked.get(name) for name in ("pipeline", "limit", "active", "after"))
            ),
            ("GET", "runs", run): lambda: http.show_run(engine, run),
            ("POST", "runs", run, "cancel"): lambda: http.cancel_run(engine, run),
            ("POST", "runs", run, "redrive"): lambda: http.redrive_run(engine, run),
            ("GET", "runs", run, "outputs"): lambda: files.outputs(
                engine, run, asked.get("skip"), asked.get("limit")
            ),
            ("POST", "uploads"): lambda: files.upload(engine, body),
        }
        found = routes.get((request.method, first, *rest))
        return found() if found else Reply(404, {})

    def _stored(self, request: httpx.Request) -> httpx.Response:
        """Answer as Storage does to who has nothing but a signed URL."""
        blobs, url = self.app.world.blobs, str(request.url)
        ref = blobs.at(url)
        if "x-functions-key" in request.headers or "authorization" in request.headers:
            return httpx.Response(400, text="a credential beside a signature")
        if request.method == "GET" and permits(url, "r"):
            return httpx.Response(200, content=blobs.read(ref))
        wanted = permits(url, "c") and request.headers["x-ms-blob-type"] == "BlockBlob"
        if request.method != "PUT" or not wanted or blobs.head(ref):
            return httpx.Response(403, text="<Error/>")
        blobs.put(ref.container, ref.name, request.content)
        return httpx.Response(201)


def _unread(answer: httpx.Response) -> httpx.Response:
    """Return the answer as one whose body is still to come."""
    return httpx.Response(
        answer.status_code, headers=answer.headers, stream=httpx.ByteStream(answer.content)
    )
