"""Requests to the app's HTTP functions, as a caller with a function key makes them."""

import json
import urllib.error
import urllib.request

from tests.e2e.local import Stack
from tests.patience import stretched

type Answer = tuple[int, dict[str, object]]


def host_key(stack: Stack) -> str:
    """Return the key that opens every function."""
    text = (stack.local.data / "functions/keys.json").read_text("utf-8")
    return json.loads(text)["host"]["default"]


def call(stack: Stack, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """Make one request with the host key; return the status and the JSON body."""
    return send(stack, method, path, body, {"x-functions-key": host_key(stack), **headers})


def send(stack: Stack, method: str, path: str, body: object, headers: dict[str, str]) -> Answer:
    """Make one request with exactly these headers."""
    endpoint = stack.local.description()["endpoints"]["functions"]["endpoint"]
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(f"{endpoint}{path}", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=stretched(30)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        with error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else {}
