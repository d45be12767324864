"""Completion events from a Storage queue: the requests, the messages, and the stream of events.

Event Grid writes each event into a message, Base64 of JSON. A message that was received is hidden
for a while; it is deleted when the caller asks for the next event, so an event that the caller did
not finish comes again.
"""

import base64
import hashlib
import hmac
import json
import logging
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from email.utils import format_datetime
from urllib.parse import parse_qsl, quote, urlsplit
from xml.etree import ElementTree as Xml

from fanfare.effects import Emit, Flow, Now, Sleep, Token
from fanfare.errors import NotFound, Refused, Unreachable
from fanfare.flows import exchange
from fanfare.retries import Retries
from fanfare.values import CompletionEvent, event_of
from fanfare.wire import Request

log = logging.getLogger("fanfare")
STORAGE_SCOPE = "https://storage.azure.com/.default"
_VERSION = "2021-12-02"
_POLL_S, _LONGEST_POLL_S, _SLOWER = 0.5, 5.0, 1.5
_REMEMBERED = 10_000
_LARGEST_ANSWER = 1 << 20  # one message has 64 KiB; more is no answer of a queue


@dataclass(frozen=True)
class Queue:
    """A Storage queue that a subscription delivers to: its URL, and the account's key, if any.

    Without a key the caller's credential is used; he needs the role Storage Queue Data Message
    Processor on the queue.
    """

    url: str
    account: str = ""
    key: str = field(default="", repr=False)

    @classmethod
    def of_connection(cls, text: str, name: str) -> "Queue":
        """Return a queue of the account that a connection string names. Raises Refused."""
        parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
        try:
            endpoint = parts["QueueEndpoint"].rstrip("/")
            return cls(f"{endpoint}/{name}", parts["AccountName"], parts["AccountKey"])
        except KeyError as missing:
            raise Refused(f"The connection string has no {missing}.") from None


@dataclass(frozen=True)
class _Message:
    id: str
    receipt: str
    text: str


def events(queue: Queue, retries: Retries, timeout_s: float | None, hidden_s: int) -> Flow[None]:
    """Emit the events of a queue, until none has come for so long. Raises FanfareError.

    An event that was emitted before is deleted and left out: they come at least once.
    """
    seen: OrderedDict[tuple[str, str], None] = OrderedDict()
    latest, pause = (yield Now()), _POLL_S
    while True:
        message = yield from _receive(queue, retries, hidden_s)
        if message is None:
            now = yield Now()
            left = float("inf") if timeout_s is None else latest + timeout_s - now
            if left <= 0:
                return
            yield Sleep(min(pause, left))
            pause = min(_LONGEST_POLL_S, pause * _SLOWER)
            continue
        latest, pause = (yield Now()), _POLL_S
        event = _read(message)
        if event is None:
            continue
        if (event.source, event.id) not in seen:
            yield Emit(event)
            seen[event.source, event.id] = None
            if len(seen) > _REMEMBERED:
                seen.popitem(last=False)
        yield from _delete(queue, retries, message)


def _receive(queue: Queue, retries: Retries, hidden_s: int) -> Flow[_Message | None]:
    url = f"{queue.url}/messages?numofmessages=1&visibilitytimeout={hidden_s}"
    request = yield from _allowed(queue, Request("GET", url))
    answer = yield from exchange(request, retries)
    return message_of(answer.content)


def _delete(queue: Queue, retries: Retries, message: _Message) -> Flow[None]:
    receipt = quote(message.receipt, safe="")
    url = f"{queue.url}/messages/{quote(message.id, safe='')}?popreceipt={receipt}"
    request = yield from _allowed(queue, Request("DELETE", url))
    try:
        yield from exchange(request, retries)
    except NotFound:
        # It was hidden for too short, and somebody else has it now.
        log.warning("Event not deleted: it comes again", extra={"queue_message": message.id})


def _allowed(queue: Queue, request: Request) -> Flow[Request]:
    """Return the request with what lets it in: a signature by the account's key, or a token."""
    now = format_datetime(datetime.now(timezone.utc), usegmt=True)
    headers = {"x-ms-date": now, "x-ms-version": _VERSION}
    if not queue.key:
        token = yield Token(STORAGE_SCOPE)
        return replace(request, headers={**headers, "authorization": f"Bearer {token}"})
    return replace(
        request, headers={**headers, "authorization": signature(queue, request, headers)}
    )


def signature(queue: Queue, request: Request, headers: dict[str, str]) -> str:
    """Sign a request without a body, as Storage's Shared Key wants it.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    """
    parts = urlsplit(request.url)
    named = "\n".join(f"{name}:{headers[name]}" for name in sorted(headers))
    asked = "".join(f"\n{name.lower()}:{value}" for name, value in sorted(parse_qsl(parts.query)))
    empty = "\n" * 12  # headers that these requests do not have
    text = f"{request.method}{empty}{named}\n/{queue.account}{parts.path}{asked}"
    try:
        key = base64.b64decode(queue.key, validate=True)
    except ValueError as error:
        raise Refused("The account's key is not Base64.") from error
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"SharedKey {queue.account}:{base64.b64encode(digest).decode()}"


def message_of(content: bytes) -> _Message | None:
    """Read the answer of a queue; None if it has no message. Raises Unreachable."""
    if len(content) > _LARGEST_ANSWER or b"<!" in content:
        raise Unreachable("The answer is not that of a queue: check its URL.")
    try:
        found = Xml.fromstring(content.removeprefix(b"\xef\xbb\xbf")).find("QueueMessage")  # noqa: S314 - without a DTD there are no entities
    except Xml.ParseError as error:
        raise Unreachable(f"The answer is not that of a queue ({error}): check its URL.") from error
    if found is None:
        return None
    names = ("MessageId", "PopReceipt", "MessageText")
    return _Message(*(found.findtext(name) or "" for name in names))


def _read(message: _Message) -> CompletionEvent | None:
    """Read an event; another message stays in the queue, and the log tells of it."""
    try:
        return event_of(json.loads(base64.b64decode(message.text, validate=True)))
    except (ValueError, Unreachable) as error:
        fields = {"queue_message": message.id, "reason": str(error)}
        log.warning("Message is no completion event: it stays in the queue", extra=fields)
        return None
