"""Keeps tokens until shortly before they expire: some credentials take a second to get one."""

import time
from typing import Protocol

_EARLY_S = 300


class AccessToken(Protocol):
    """A token and when it expires, in seconds since 1970."""

    @property
    def token(self) -> str:
        """The text of the token."""

    @property
    def expires_on(self) -> int:
        """When it expires."""


class Tokens:
    """The tokens of one client, by scope."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[str, float]] = {}

    def of(self, scope: str) -> str | None:
        """Return a token that is still good for a while."""
        token, until = self._held.get(scope, ("", 0.0))
        return token if time.time() < until - _EARLY_S else None

    def keep(self, scope: str, issued: AccessToken) -> str:
        """Keep a token and return its text."""
        self._held[scope] = issued.token, float(issued.expires_on)
        return issued.token
