"""A web hook for tests: answers as configured and remembers its requests."""

import json
import queue
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests import loopback
from tests.patience import LIMIT_S, stretched


@dataclass
class Request:
    """One request as it arrived."""

    method: str
    headers: dict[str, str]
    body: Any


@dataclass
class Receiver:
    """The endpoint's address, the requests that it got, and its answer to notifications."""

    url: str = ""
    got: "queue.Queue[Request]" = field(default_factory=queue.Queue)
    shaken: "queue.Queue[Request]" = field(default_factory=queue.Queue)
    answer: Callable[[Request], int] = lambda _request: 200
    echo: bool = True

    def next(self) -> Request:
        """Wait for the next notification and return it."""
        return self.got.get(timeout=stretched(LIMIT_S))

    def reply(self, request: Request) -> tuple[int, dict[str, str], bytes]:
        """Do the handshakes, and answer everything else by `answer`."""
        if request.method == "OPTIONS":
            allowed = {"WebHook-Allowed-Origin": request.headers["webhook-request-origin"]}
            return 200, allowed if self.echo else {}, b""
        if request.headers.get("aeg-event-type") == "SubscriptionValidation":
            code = request.body[0]["data"]["validationCode"]
            body = json.dumps({"validationResponse": code}) if self.echo else "{}"
            self.shaken.put(request)
            return 200, {}, body.encode()
        self.got.put(request)
        return self.answer(request), {}, b""


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Run a receiver during a with block."""
    receiver = Receiver()

    class Handler(loopback.Handler):
        def _serve(self) -> None:
            raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Request(self.command, headers, json.loads(raw) if raw else None)
            status, more, body = receiver.reply(request)
            self.send_response(status)
            for name, value in {**more, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_OPTIONS = _serve  # Names of http.server.

    with loopback.listening(Handler) as url:
        receiver.url = f"{url}/hook"
        yield receiver
