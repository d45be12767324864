"""An HTTP server in the place of Batch: each test decides the answers."""

import json
from contextlib import contextmanager

from tests import loopback


class Stub:
    """The received requests, and the function that answers the next ones.

    An answer is a status and a body, and perhaps headers. `conditions` are the eTags that the
    requests demanded; `etag` is that of the answers.
    """

    def __init__(self):
        self.endpoint = ""
        self.requests = []
        self.conditions = []
        self.etag = ""
        self.answer = lambda method, path, body: (200, {})

    def took(self, method, path):
        """Return the bodies of the requests to a path."""
        return [body for m, p, body in self.requests if (m, p) == (method, path)]


def error(status, code):
    return status, {"code": code, "message": {"lang": "en-US", "value": f"{code}.\nRequestId:1"}}


@contextmanager
def running_stub():
    stub = Stub()

    class Handler(loopback.Handler):
        protocol_version = "HTTP/1.1"

        def _serve(self):
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(raw) if raw else None
            path = self.path.split("?")[0]
            stub.requests.append((self.command, path, body))
            stub.conditions.append(self.headers.get("If-Match"))
            status, answer, *more = stub.answer(self.command, path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            for name, value in dict(*more).items():
                self.send_header(name, value)
            if stub.etag:
                self.send_header("ETag", stub.etag)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_HEAD = do_POST = do_PATCH = do_DELETE = _serve

    with loopback.listening(Handler) as stub.endpoint:
        yield stub
