"""Verifies signatures of Entra tokens with the keys that the tenant publishes. Logs no token."""

import json
from collections.abc import Callable, Mapping
from itertools import islice
from threading import Lock
from time import monotonic

import jwt
import requests

from pipeline.errors import Transient

_ALGORITHMS = ("RS256",)  # Entra's; `none` and HMAC with a public key stay out
_REREAD_S = 30.0  # the keys are read at most this often, whatever key ids callers invent
_KEEP_S = 24 * 3600.0  # a key that the tenant withdrew is dropped by then
_CHUNK, _MOST_CHUNKS = 64 << 10, 16
_TIMEOUT_S = 5
_MOST_TOKEN = 16 << 10

type Fetch = Callable[[], bytes]


class KeysUnreachable(Transient):
    """The tenant's signing keys cannot be read now."""


class SigningKeys:
    """Keys by id: read when first needed, for an unknown id, and once a day."""

    def __init__(self, fetch: Fetch, clock: Callable[[], float] = monotonic) -> None:
        self._fetch, self._clock, self._lock = fetch, clock, Lock()
        self._keys: Mapping[str, jwt.PyJWK] = {}
        self._read_at = self._tried_at = float("-inf")
        self._failed = False

    def find(self, key_id: str) -> jwt.PyJWK | None:
        """Return a key, or None if the tenant does not have it. Raises KeysUnreachable."""
        with self._lock:
            now = self._clock()
            wanted = key_id not in self._keys or now - self._read_at > _KEEP_S
            if wanted and now - self._tried_at > _REREAD_S:
                self._tried_at = now
                self._read(now)
            if self._failed and (key_id not in self._keys or now - self._read_at > _KEEP_S):
                raise KeysUnreachable
            return self._keys.get(key_id)

    def _read(self, now: float) -> None:
        try:
            self._keys = _parse(self._fetch())
        except (OSError, ValueError, jwt.PyJWTError):
            self._failed = True
        else:
            self._failed, self._read_at = False, now


def _parse(document: bytes) -> dict[str, jwt.PyJWK]:
    # Entra's keys do not name an algorithm; only RSA keys can make an RS256 signature.
    keys = jwt.PyJWKSet.from_dict(json.loads(document)).keys
    return {key.key_id: key for key in keys if key.key_id and key.key_type == "RSA"}


def published_at(url: str) -> Fetch:
    """Return a function that reads the key document at a URL (https, or this machine)."""

    def fetch() -> bytes:
        with requests.get(url, timeout=_TIMEOUT_S, stream=True, allow_redirects=False) as answer:
            answer.raise_for_status()
            if answer.status_code != requests.codes.ok:
                raise OSError(f"{url} answers {answer.status_code}")
            return b"".join(islice(answer.iter_content(_CHUNK), _MOST_CHUNKS))

    return fetch


def verified(token: str, keys: SigningKeys) -> Mapping[str, object] | None:
    """Return the unchecked claims of a token with a valid signature, or None for any other."""
    if len(token) > _MOST_TOKEN:
        return None
    try:
        header = jwt.get_unverified_header(token)
        if header.get("alg") not in _ALGORITHMS:
            return None
        key = keys.find(str(header.get("kid", "")))
        return None if key is None else _claims(token, key)
    except (jwt.PyJWTError, ValueError, RecursionError):  # RecursionError: a deeply nested header
        return None


def _claims(token: str, key: jwt.PyJWK) -> Mapping[str, object]:
    only_signature: jwt.types.Options = {
        "verify_exp": False,
        "verify_nbf": False,
        "verify_iat": False,
        "verify_aud": False,
        "verify_iss": False,
        "verify_sub": False,
        "verify_jti": False,
    }
    claims: Mapping[str, object] = jwt.decode(
        token, key, algorithms=list(_ALGORITHMS), options=only_signature
    )
    return claims
