"""What a web page, or another user of this machine, may send to an emulator; and how to send it."""

import http.client
import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.patience import LIMIT_S, stretched

# What a browser adds to requests of a page that is not ours, and what must be said about it.
FOREIGN = {
    "the origin of another site": ({"Origin": "https://evil.example"}, 403, "Origin"),
    "the origin of a local file": ({"Origin": "null"}, 403, "Origin"),
    "the origin of another port": ({"Origin": "http://127.0.0.1:1"}, 403, "Origin"),
    "a request across sites": ({"Sec-Fetch-Site": "cross-site"}, 403, "Sec-Fetch-Site"),
    "a request of the same site": ({"Sec-Fetch-Site": "same-site"}, 403, "Sec-Fetch-Site"),
    "a rebound name": ({"Host": "evil.example"}, 421, "Host"),
    "a rebound name with a port": ({"Host": "evil.example:8080"}, 421, "Host"),
    "a name that begins as ours": ({"Host": "127.0.0.1.evil.example"}, 421, "Host"),
    "a name that is none": ({"Host": "127.0.0.1:x"}, 421, "Host"),
}
# The request that a browser sends first, to ask whether a page may send what it wants to send.
PREFLIGHT = {
    "Origin": "https://evil.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type",
}


@dataclass(frozen=True)
class Answer:
    """Status, headers in lower case, and text of an answer."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    text: str = ""

    def refuses(self, status: int, header: str) -> bool:
        """Tell whether this is a JSON refusal that names a header, and grants a page nothing."""
        json.loads(self.text)
        granted = [name for name in self.headers if name.startswith("access-control-")]
        return self.status == status and f"header {header} " in self.text and not granted


def ask(endpoint: str, method: str, path: str, body: object = None, **headers: str) -> Answer:
    """Send one request; underscores in names of headers stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    parts = urlsplit(endpoint)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=stretched(LIMIT_S))
    try:
        connection.putrequest(method, path, skip_host="Host" in named, skip_accept_encoding=True)
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        for name, value in named.items():
            connection.putheader(name, value)
        if content is not None:
            connection.putheader("Content-Length", str(len(content)))
        connection.endheaders(content)
        reply = connection.getresponse()
        found = {name.lower(): value for name, value in reply.getheaders()}
        return Answer(reply.status, found, reply.read().decode("utf-8", "replace"))
    finally:
        connection.close()
