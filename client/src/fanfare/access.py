"""What both clients are made of: the address, the credential, the limits of a request."""

from collections.abc import Awaitable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import httpx

from fanfare.errors import Refused
from fanfare.events import Queue
from fanfare.flows import App
from fanfare.local import LOOPBACK
from fanfare.retries import Retries
from fanfare.tokens import AccessToken
from fanfare.values import Run

CONNECT_S, READ_S = 10.0, 60.0


class Credential(Protocol):
    """Gets tokens, as the credentials of azure-identity do."""

    def get_token(self, *scopes: str) -> AccessToken:
        """Return a token for the scopes."""


class AsyncCredential(Protocol):
    """Gets tokens, as the credentials of azure.identity.aio do."""

    def get_token(self, *scopes: str) -> Awaitable[AccessToken]:
        """Return a token for the scopes."""


@dataclass(frozen=True)
class Access:
    """An app, and the queue of its completion events where one is known."""

    app: App
    queue: Queue | None = field(default=None, repr=False)

    def reading(self, queue: "Queue | str | None") -> "Access":
        """Return the same with a queue, or the URL of one in Azure."""
        return replace(self, queue=Queue(queue) if isinstance(queue, str) else queue)

    @property
    def known_queue(self) -> Queue:
        """The queue. Raises Refused if the client was given none."""
        if self.queue is None:
            raise Refused(
                "Events are read from a Storage queue: give `completions`, the URL of the queue "
                "that an event subscription delivers to."
            )
        return self.queue

    @property
    def is_remote(self) -> bool:
        """Whether the app is on another machine, so that proxies may be on the way."""
        return urlsplit(self.app.url).hostname not in LOOPBACK


def access(
    url: str, key: str | None, scope: str | None, retries: Retries | None, *, tokens: bool
) -> Access:
    """Check what a client is made of. Raises Refused before anything is sent."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query:
        raise Refused(f"{url!r} is not the address of an app, such as https://NAME.example.org.")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise Refused(f"{url} is not encrypted: key or token could be read. Use https.")
    if bool(key) == tokens:
        raise Refused("Give either `key`, as for the local stack, or `credential`, as for Azure.")
    if tokens and not scope:
        raise Refused(
            "A credential needs `scope`: api://CLIENT_ID/.default, with the client id of the app "
            "registration (FANFARE_HTTP_CLIENT_ID)."
        )
    app = App(url.rstrip("/"), key or "", scope or "", retries or Retries())
    return Access(app)


def timeouts(seconds: float | None) -> httpx.Timeout:
    """Return the limits of one request; a stream may take longer as a whole."""
    return httpx.Timeout(seconds or READ_S, connect=min(seconds or CONNECT_S, CONNECT_S))


def source_of(file: "str | Path | bytes | None") -> "Path | bytes | None":
    """Return a file as a path, or bytes. Raises Refused if there is none."""
    if isinstance(file, str):
        file = Path(file)
    if isinstance(file, Path) and not file.is_file():
        raise Refused(f"There is no file {file}.")
    return file


def id_of(run: Run | str) -> str:
    """Return the id of a run."""
    return run.id if isinstance(run, Run) else run
