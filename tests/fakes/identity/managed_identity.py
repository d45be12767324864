"""App Service's endpoint for managed identities, as azure-identity uses it, for tests."""

import json
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests import loopback
from tests.fakes.identity.tenant import signed

TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "header-of-the-identity-endpoint"


@dataclass
class IdentityEndpoint:
    """Its URL, and the resources and client ids for which tokens were requested."""

    url: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)

    def environment(self) -> dict[str, str]:
        """Return the variables that App Service sets for the app."""
        return {"IDENTITY_ENDPOINT": self.url, "IDENTITY_HEADER": SECRET}

    def answer(self, query: str) -> dict[str, str]:
        """Issue a token for the requested resource."""
        asked = dict(urllib.parse.parse_qsl(query))
        resource, client = asked["resource"], asked.get("client_id", "")
        self.asked.append((resource, client))
        now = int(time.time())
        claims = {"iss": f"https://sts.windows.net/{TENANT}/", "aud": resource, "appid": client}
        claims |= {"tid": TENANT, "oid": f"object of {client}"}
        token = signed({**claims, "iat": now, "nbf": now, "exp": now + 3600})
        common = {"resource": resource, "token_type": "Bearer", "client_id": client}
        return {**common, "access_token": token, "expires_on": str(now + 3600)}


@contextmanager
def serving() -> Iterator[IdentityEndpoint]:
    """Serve the endpoint; a request without the secret header gets no token."""
    endpoint = IdentityEndpoint()

    class Answer(loopback.Handler):
        def do_GET(self) -> None:
            allowed = self.headers.get("X-IDENTITY-HEADER") == SECRET
            body = endpoint.answer(urllib.parse.urlsplit(self.path).query) if allowed else {}
            self.send_response(200 if allowed else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

    with loopback.listening(Answer) as url:
        endpoint.url = f"{url}/msi/token"
        yield endpoint
