"""A managed identity as App Service offers it: tokens from an endpoint in the environment
(IDENTITY_ENDPOINT, IDENTITY_HEADER)."""

import asyncio
import json
import os
import time
from dataclasses import dataclass

import aiohttp

STORAGE = "https://storage.azure.com"
_API_VERSION = "2019-08-01"
_EARLY_S = 300.0  # a token is renewed before it ends
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class NoToken(aiohttp.ClientError):
    """The endpoint gave no token. This is as temporary as any other network trouble."""


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    ends_at: float


class Tokens:
    """Tokens for Storage by client id; each is kept until shortly before it expires."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self._held: dict[str, _Token] = {}
        self._asking = asyncio.Lock()

    async def authorization(self, client_id: str) -> str:
        """Return the Authorization header of an identity; raises NoToken."""
        async with self._asking:
            held = self._held.get(client_id)
            if held is None or held.ends_at - _EARLY_S < time.time():
                held = self._held[client_id] = await self._ask(client_id)
            return f"Bearer {held.text}"

    async def _ask(self, client_id: str) -> _Token:
        endpoint = os.environ.get("IDENTITY_ENDPOINT")
        if not endpoint:
            raise NoToken("IDENTITY_ENDPOINT is not set, so no endpoint gives out tokens.")
        query = {"api-version": _API_VERSION, "resource": STORAGE, "client_id": client_id}
        headers = {"X-IDENTITY-HEADER": os.environ.get("IDENTITY_HEADER", "")}
        async with self._session.get(
            endpoint, params=query, headers=headers, timeout=_TIMEOUT
        ) as answer:
            if not answer.ok:
                raise NoToken(f"The identity endpoint answered {answer.status} for {client_id}.")
            return _read(await answer.read())


def _read(raw: bytes) -> _Token:
    try:
        found = json.loads(raw)
        return _Token(str(found["access_token"]), float(found["expires_on"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NoToken("The identity endpoint's answer holds no token.") from error
