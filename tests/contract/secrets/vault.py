"""A vault on loopback, as Key Vault answers; the real client reaches it by its real name."""

import json
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests
from azure.core.credentials import AccessToken
from azure.core.pipeline.transport import RequestsTransport

from pipeline.adapters.secrets.vaults import Vaults
from tests import loopback

_CHALLENGE = 'Bearer authorization="https://login.example/tenant", resource="https://{}"'


class Credential:
    """Gives a token for any scope."""

    def get_token(self, *_scopes: str, **_more: object) -> AccessToken:
        return AccessToken("token", 4_000_000_000)


@dataclass
class Vault:
    """Answers by `vault/name`: a value, or a status with an error as Key Vault writes it."""

    answers: dict[str, str | tuple[int, dict[str, object]]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    url: str = ""
    resource: str = ""  # for which it wants a token; else it is that of its domain

    def client(self, domain: str = "vault.azure.net") -> Vaults:
        """Return the adapter, whose requests come here."""
        session = requests.Session()
        session.mount("https://", _Here(self.url))
        transport = RequestsTransport(session=session, session_owner=False)
        return Vaults(Credential(), domain, transport)

    def answer(self, path: str) -> tuple[int, object]:
        """Answer one request."""
        host, _, rest = path.lstrip("/").partition("/")
        name = f"{host.partition('.')[0]}/{rest.split('/')[1]}"
        self.asked.append(path)
        found = self.answers.get(name)
        if found is None:
            code, words = "SecretNotFound", f"A secret with (name/id) {name} was not found."
            return 404, {"error": {"code": code, "message": words}}
        if isinstance(found, str):
            return 200, {"value": found, "id": f"https://{host}/secrets/x/1", "attributes": {}}
        return found


class _Here(requests.adapters.HTTPAdapter):
    """Sends every request to one place, which sees the host as the first part of the path."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request, *args, **kwargs):  # type: ignore[no-untyped-def,override] # as it comes
        parts = urllib.parse.urlsplit(request.url)
        request.url = f"{self._url}/{parts.netloc}{parts.path}?{parts.query}"
        kwargs["proxies"] = {}
        return super().send(request, *args, **kwargs)


@contextmanager
def serving() -> Iterator[Vault]:
    """Serve a vault; who asks without a token is told where to get one."""
    vault = Vault()

    class Answer(loopback.Handler):
        def do_GET(self) -> None:
            allowed = self.headers.get("Authorization") == "Bearer token"
            path = urllib.parse.urlsplit(self.path).path
            status, content = vault.answer(path) if allowed else (401, {})
            body = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            if not allowed:
                domain = path.lstrip("/").partition(".")[2].partition("/")[0]
                self.send_header("WWW-Authenticate", _CHALLENGE.format(vault.resource or domain))
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with loopback.listening(Answer) as url:
        vault.url = url
        yield vault
