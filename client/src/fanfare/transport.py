"""What both transports share: how a request becomes one of httpx, and what a failure means."""

from pathlib import Path
from typing import Any

import httpx

from fanfare.errors import Unreachable
from fanfare.wire import Answer, NoAnswer, Request

CHUNK = 1 << 20
LARGEST_ANSWER = 32 << 20  # an answer that is held in memory; files are streamed
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


def arguments(request: Request) -> dict[str, Any]:
    """Return the arguments of `build_request`, but for the content of a file."""
    return {
        "method": request.method,
        "url": request.url,
        # None keeps the query of the URL, which may be a signature.
        "params": dict(request.params) or None,
        "headers": {"accept-encoding": "identity", **request.headers},
        "content": None if isinstance(request.content, Path) else request.content,
    }


def answer_of(found: httpx.Response, content: bytes) -> Answer:
    """Return an answer with its content."""
    return Answer(found.status_code, {k.lower(): v for k, v in found.headers.items()}, content)


def check_size(content: bytearray) -> None:
    """Raise Unreachable for an answer that no app gives."""
    if len(content) > LARGEST_ANSWER:
        raise Unreachable("The answer is too large: check the URL.")


def no_answer(error: httpx.TransportError) -> NoAnswer:
    """Return what a failure of httpx means."""
    reason = str(error) or type(error).__name__
    return NoAnswer(reason, sent=not isinstance(error, _NEVER_SENT))
