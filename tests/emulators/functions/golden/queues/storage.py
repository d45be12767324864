"""The queue service in memory, as the transport of the real client: it notes every request."""

import asyncio
import base64
import html
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from urllib.parse import parse_qsl, unquote, urlsplit

from azure.core.exceptions import ServiceResponseError
from azure.core.pipeline.transport import AsyncHttpResponse, AsyncHttpTransport
from azure.core.utils import case_insensitive_dict

from tests.emulators.functions.golden.virtual_time import seconds

CONNECTION = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=a2V5;"
    "QueueEndpoint=http://storage/devstoreaccount1;"
)
LATENCY_S = 0.0001
TTL_S = 604_800
_BEGINNING = datetime(2026, 11, 28, 18, tzinfo=UTC)
_LONGEST_TEXT = 65_536
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


@dataclass
class Message:
    text: str
    inserted_s: float
    visible_s: float
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    receipt: str = ""
    dequeued: int = 0


@dataclass
class Request:
    """One request of the host, as the recordings show it; `effect` is what storage answered."""

    ms: float
    method: str
    queue: str
    message: str
    query: dict[str, str]
    text: str | None
    status: int = 0
    error: str = ""
    got: list[tuple[str, str, int]] = field(default_factory=list)
    new_receipt: str = ""
    cut: bool = False

    @property
    def is_receive(self) -> bool:
        return self.method == "GET" and "numofmessages" in self.query


@dataclass(frozen=True)
class Refused(Exception):
    status: int
    code: str


class Answer(AsyncHttpResponse):
    def __init__(self, request, status, body="", headers=None, code=""):
        super().__init__(request, None)
        self.status_code, self.reason = status, code
        self.headers = case_insensitive_dict({
            "content-type": "application/xml", **(headers or {}),
            **({"x-ms-error-code": code} if code else {}),
        })  # fmt: skip
        self.content_type = "application/xml"
        self._body = body.encode()

    def body(self):
        return self._body

    async def load_body(self):
        return self._body


type Rule = Callable[[Request], Refused | str | None]


class Storage(AsyncHttpTransport):
    """Rules may refuse a request, abort its connection (`abort`) or answer no XML (`no xml`)."""

    def __init__(self):
        self.queues: dict[str, list[Message]] = {}
        self.requests: list[Request] = []
        self.rules: list[Rule] = []
        self.hold_s: Callable[[Request], float] = lambda _: LATENCY_S

    async def open(self): ...
    async def close(self): ...
    async def __aenter__(self):
        return self

    async def __aexit__(self, *_): ...

    def put(self, queue: str, text: str) -> Message:
        """Put a message by another client; returns it."""
        message = Message(text, seconds(), seconds())
        self.queues.setdefault(queue, []).append(message)
        return message

    async def send(self, request, **_):
        noted = _noted(request)
        self.requests.append(noted)
        answer = self._answer(request, noted)
        try:
            await asyncio.sleep(self.hold_s(noted))
        except asyncio.CancelledError:
            noted.cut = True
            raise
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, request, noted):
        struck = next((s for s in (rule(noted) for rule in self.rules) if s is not None), None)
        if struck == "abort":
            return ServiceResponseError("aborted")
        try:
            if isinstance(struck, Refused):
                raise struck
            status, body, headers = self._serve(noted)
        except Refused as refused:
            noted.status, noted.error = refused.status, refused.code
            body = f"<Error><Code>{refused.code}</Code><Message>no</Message></Error>"
            return Answer(request, refused.status, body, code=refused.code)
        noted.status = status
        return Answer(request, status, "\x01" if struck == "no xml" else body, headers)

    def _serve(self, request):
        if request.method == "PUT" and not request.message:
            existed = request.queue in self.queues
            self.queues.setdefault(request.queue, [])
            return 204 if existed else 201, "", {}
        if request.queue not in self.queues:
            raise Refused(404, "QueueNotFound")
        messages = self.queues[request.queue]
        if request.query.get("comp") == "metadata":
            return 200, "", {"x-ms-approximate-messages-count": str(len(messages))}
        if request.is_receive:
            return 200, self._receive(request, messages), {}
        if request.method == "POST":
            return 201, self._post(request, messages), {}
        message = self._held(request, messages)
        if request.method == "DELETE":
            messages.remove(message)
            return 204, "", {}
        return 204, "", self._update(request, message)

    def _receive(self, request, messages):
        visible = [m for m in messages if m.visible_s <= seconds()]
        batch = visible[: int(request.query["numofmessages"])]
        if any(_NOT_XML.search(message.text) for message in batch):
            raise Refused(500, "")  # as Azurite, which cannot give out what it took in
        receipt = str(uuid.uuid4())  # one for the whole batch, as Azurite
        for message in batch:
            message.receipt = receipt
            message.dequeued += 1
            message.visible_s = seconds() + int(request.query["visibilitytimeout"])
            request.got.append((message.id, receipt, message.dequeued))
        return f"<QueueMessagesList>{''.join(map(_rendered, batch))}</QueueMessagesList>"

    def _post(self, request, messages):
        if len(request.text.encode()) > _LONGEST_TEXT:
            raise Refused(413, "RequestBodyTooLarge")
        if _NOT_XML.search(request.text):
            raise Refused(400, "")
        messages.append(Message(request.text, seconds(), seconds()))
        return f"<QueueMessagesList>{_rendered(messages[-1])}</QueueMessagesList>"

    def _held(self, request, messages):
        found = next((m for m in messages if m.id == request.message), None)
        if found is None:
            raise Refused(404, "MessageNotFound")
        if found.receipt != request.query["popreceipt"]:
            raise Refused(400, "PopReceiptMismatch")
        return found

    def _update(self, request, message):
        timeout = int(request.query["visibilitytimeout"])
        if not 0 <= timeout <= TTL_S:
            raise Refused(400, "OutOfRangeQueryParameterValue")
        message.receipt = request.new_receipt = str(uuid.uuid4())
        message.visible_s = seconds() + timeout
        return {
            "x-ms-popreceipt": message.receipt,
            "x-ms-time-next-visible": _at(message.visible_s),
        }


def _noted(request) -> Request:
    url = urlsplit(request.url)
    _account, queue, *rest = [unquote(part) for part in url.path.strip("/").split("/")]
    body = request.body if request.method == "POST" else None
    text = body.decode() if isinstance(body, bytes) else body
    found = text and re.search(r"<MessageText>(.*)</MessageText>", text, re.DOTALL)
    return Request(
        ms=seconds() * 1000,
        method=request.method,
        queue=queue,
        message=rest[1] if len(rest) > 1 else "",
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        text=None if text is None else html.unescape(found[1]) if found else "",
    )


def _rendered(message: Message) -> str:
    fields = {
        "MessageId": message.id,
        "InsertionTime": _at(message.inserted_s),
        "ExpirationTime": _at(message.inserted_s + TTL_S),
        "PopReceipt": message.receipt or "none",
        "TimeNextVisible": _at(message.visible_s),
        "DequeueCount": str(message.dequeued),
        "MessageText": html.escape(message.text).replace("\r", "&#13;"),
    }
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f"<QueueMessage>{inner}</QueueMessage>"


def _at(at_s: float) -> str:
    return format_datetime(_BEGINNING + timedelta(seconds=at_s), usegmt=True)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
