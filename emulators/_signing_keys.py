"""The public keys that sign tokens: a JWKS document in a file or behind a URL."""

import json
import logging
import time
from pathlib import Path

import aiohttp
import jwt

log = logging.getLogger("emulators.entra")
_REFRESH_S = 30.0
_MOST_BYTES = 1 << 20


class SigningKeys:
    """Keys by id, read when first needed; an unknown id makes it read again, at most every 30 s."""

    def __init__(self, source: str, session: aiohttp.ClientSession) -> None:
        self._source, self._session = source, session
        self._keys: dict[str, jwt.PyJWK] = {}
        self._read_at = float("-inf")

    async def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return one key, or None if the document does not hold it."""
        if key_id not in self._keys and time.monotonic() - self._read_at > _REFRESH_S:
            self._read_at = time.monotonic()
            try:
                self._keys = read_keys(await self._fetch())
            except (OSError, aiohttp.ClientError, ValueError, jwt.PyJWTError) as error:
                log.warning(
                    "Signing keys cannot be read: %s. Check --entra-keys",
                    error,
                    extra={"action": "entra"},
                )
        return self._keys.get(key_id)

    async def _fetch(self) -> bytes:
        if not self._source.startswith(("https://", "http://")):
            return Path(self._source).read_bytes()
        timeout = aiohttp.ClientTimeout(total=10)
        async with self._session.get(self._source, timeout=timeout) as answer:
            answer.raise_for_status()
            return await answer.content.read(_MOST_BYTES)


def read_keys(document: bytes) -> dict[str, jwt.PyJWK]:
    """Read a JWKS document; keys of unknown kinds are skipped."""
    keys = jwt.PyJWKSet.from_dict(json.loads(document)).keys
    # Entra names no algorithm in its keys. We never verify with a symmetric key.
    return {key.key_id: key for key in keys if key.key_id and key.key_type in ("RSA", "EC")}
