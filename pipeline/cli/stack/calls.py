"""Calls services of a local stack over HTTP: on this machine, and without a proxy."""

import json
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from urllib.parse import urlsplit

from pipeline.cli.stack.config import Json

_ANSWER_S = 10.0


def call(
    method: str,
    url: str,
    body: Json = None,
    headers: Mapping[str, str] | None = None,
    answer_s: float = _ANSWER_S,
) -> tuple[int, dict[str, Json]]:
    """Call a service; return the status and the answer, which is {} if it is no JSON object.

    Raises OSError and HTTPException when nothing answers.
    """
    parts = urlsplit(url)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=answer_s)
    try:
        content = None if body is None else json.dumps(body)
        kind = {"Content-Type": "application/json"} if content else {}
        connection.request(method, parts.path, content, {**kind, **(headers or {})})
        reply = connection.getresponse()
        with suppress(ValueError):
            found = json.loads(reply.read())
            return reply.status, found if isinstance(found, dict) else {}
        return reply.status, {}
    finally:
        connection.close()
