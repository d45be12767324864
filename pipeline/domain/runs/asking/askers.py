"""Who asked for a start, a redrive, a cancellation, a purge or a pause, as a value.

Names and ids come from strangers: tokens, operating systems, definitions of others. They are cut
to a length, and characters that control a terminal or hide text are replaced. No key and no token
is kept: of a function key only the beginning of its digest.
"""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import BeforeValidator

from pipeline.domain.runs.stored import Stored, Word

MAX_ID, MAX_NAME = 128, 100
_DIGITS = 8  # of a key's digest: enough to tell keys apart, too few to find one
# In this order; an application has no name but the one that the tenant adds.
# https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
_USER_NAMES = ("preferred_username", "upn", "unique_name", "name")
_APP_NAMES = ("app_displayname", "azp", "appid")


class AskerKind(Word):
    """What kind of asker it is; `other` is one that only a later release knows."""

    USER = "user"
    APP = "app"
    KEY = "key"
    TRIGGER = "trigger"
    ENGINE = "engine"
    OTHER = "other"


def _short(length: int) -> BeforeValidator:
    def clean(value: object) -> str:
        text = value if isinstance(value, str) else ""
        spaced = "".join(c if c.isprintable() else " " if c.isspace() else "?" for c in text)
        return " ".join(spaced.split())[:length]

    return BeforeValidator(clean)


class Asker(Stored):
    """Who asked: a kind, a readable name, and an id that stays the same.

    The id is a token's object id, `user@machine` for the command line on this machine, the
    beginning of a key's digest, or the run that a chain follows.
    """

    kind: AskerKind
    name: Annotated[str, _short(MAX_NAME)] = ""
    id: Annotated[str, _short(MAX_ID)] = ""

    @classmethod
    def of_claims(cls, claims: Mapping[str, object]) -> Self:
        """Return who a token was issued to; its signature must have been checked."""
        delegated = "scp" in claims  # only a token for a signed-in user has scopes
        is_app = claims.get("idtyp") == "app" or (
            not delegated and not any(claims.get(name) for name in _USER_NAMES)
        )
        names = _APP_NAMES if is_app else _USER_NAMES
        kind = AskerKind.APP if is_app else AskerKind.USER
        return cls(kind=kind, name=_first(claims, names), id=_first(claims, ("oid", "sub")))

    @classmethod
    def of_key(cls, key: str) -> Self:
        """Return the holder of a function key; the Python worker is not told the key's name."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:_DIGITS]
        return cls(kind=AskerKind.KEY, name="function key", id=f"sha256:{digest}")

    @classmethod
    def of_trigger(cls, trigger: str, cause: str = "") -> Self:
        """Return a trigger as the asker: `blob`, `schedule`, or `run NAME` with the run's id."""
        return cls(kind=AskerKind.TRIGGER, name=trigger, id=cause)

    def __str__(self) -> str:
        name = self.name or self.id
        return f"{self.kind} {name}" if name else str(self.kind)


ENGINE = Asker(kind=AskerKind.ENGINE)


def _first(claims: Mapping[str, object], names: tuple[str, ...]) -> str:
    return next((v for name in names if isinstance(v := claims.get(name), str) and v), "")
