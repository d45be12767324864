"""Requests to storage in the words of the recordings: m1, m2 for messages, r1, r2 for receipts.

Requests for different messages may overtake one another, so each message and each queue has a
story of its own. Receipts of receives and those of updates are numbered apart.
"""

import base64
from collections import defaultdict

from tests.emulators.functions.golden.queues.host import OUT, QUEUE
from tests.emulators.functions.golden.queues.storage import Request

_QUEUES = {QUEUE: "{queue}", OUT: "{queue}-out", QUEUE + "-poison": "{queue}-poison"}


class Names:
    """Numbers message ids and pop receipts in the order in which they appear."""

    def __init__(self):
        self._messages, self._receipts = {}, {}

    def message(self, found):
        return self._messages.setdefault(found, f"m{len(self._messages) + 1}")

    def handed_out(self, receipt):
        return self._receipt(receipt, "r")

    def renewed(self, receipt):
        return self._receipt(receipt, "u")

    def known(self, receipt):
        return self._receipts.get(receipt, "nobody's")

    def _receipt(self, receipt, kind):
        count = sum(name.startswith(kind) for name in self._receipts.values())
        return self._receipts.setdefault(receipt, f"{kind}{count + 1}")


def stories_of(requests, names, *, metadata, empty):
    """Tell requests; `empty` receives and `metadata` may be left out."""
    stories = defaultdict(list)
    for request in requests:
        queue = _QUEUES.get(request.queue, request.queue)
        got = [(names.message(m), names.handed_out(r), count) for m, r, count in request.got]
        if request.is_receive and not got and request.status == 200 and not empty:
            continue
        if request.query.get("comp") == "metadata" and not metadata:
            continue
        query = dict(request.query)
        if "popreceipt" in query:
            query["popreceipt"] = names.known(query["popreceipt"])
        if request.new_receipt:
            names.renewed(request.new_receipt)
        message = names.message(request.message) if request.message else ""
        told = (request.method, query, request.status, request.error, got, _text(request.text))
        stories[queue, message].append(told)
    return dict(stories)


def recorded(request) -> Request:
    """Read a recorded request as one of the storage in memory."""
    _, queue, *rest = request["path"].split("/")
    text = request.get("request_text_base64")
    error = request.get("error_code", "")
    return Request(
        ms=request["ms"],
        method=request["method"],
        queue=queue,
        message=rest[1] if len(rest) > 1 else "",
        query=request.get("query", {}),
        text=None if text is None else base64.b64decode(text).decode(),
        status=request["status"],
        error="" if error.startswith(("connection", "client")) else error,
        got=[(m["id"], m["popreceipt"], m["dequeue_count"]) for m in request.get("messages", ())],
        new_receipt=request.get("new_popreceipt", ""),
    )


def assert_same_requests(requests, recording, *, empty=False):
    """Hold requests against recorded ones; return the names of the messages."""
    names, wanted = Names(), [recorded(request) for request in recording]
    metadata = any(request.query.get("comp") == "metadata" for request in wanted)
    told = stories_of(requests, names, metadata=metadata, empty=empty)
    assert told == stories_of(wanted, Names(), metadata=metadata, empty=empty)
    return names


def _text(text):
    """Show a text as the recording did: it kept a digest of a long one, and nothing that is no
    XML."""
    if text is None or len(text) > 1000 or "\x01" in text:
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n")
