"""Who may do what over HTTP: an Entra token's claims and the role that an operation needs.

Pure. `adapters/identity/tokens.py` verifies the signature first; the claims of a token that was not
verified prove nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LEEWAY_S = 60


class Role(StrEnum):
    """The app roles of the app registration, as the claim `roles` spells them."""

    READER = "Reader"
    OPERATOR = "Operator"


class Operation(StrEnum):
    """What a caller can do over HTTP."""

    START = "start a run"
    LIST = "list runs"
    SHOW = "show a run"
    LOOK = "see how a run stands"
    CANCEL = "cancel a run"
    REDRIVE = "redrive a run"
    UPLOAD = "upload an input"
    DOWNLOAD = "download outputs"
    LOGS = "read logs"


NEEDED: Mapping[Operation, Role] = {
    Operation.START: Role.OPERATOR,
    Operation.LIST: Role.READER,
    Operation.SHOW: Role.READER,
    Operation.LOOK: Role.READER,
    Operation.CANCEL: Role.OPERATOR,
    Operation.REDRIVE: Role.OPERATOR,
    Operation.UPLOAD: Role.OPERATOR,
    # An operator can have any blob read by a program anyway; a reader sees runs, not their data.
    Operation.DOWNLOAD: Role.OPERATOR,
    Operation.LOGS: Role.OPERATOR,
}
# An operator may also read.
_SATISFIED_BY: Mapping[Role, frozenset[str]] = {
    Role.READER: frozenset({Role.READER, Role.OPERATOR}),
    Role.OPERATOR: frozenset({Role.OPERATOR}),
}


@dataclass(frozen=True)
class Api:
    """The app registration that callers get tokens for."""

    authority: str
    tenant: str
    client: str

    @property
    def audiences(self) -> frozenset[str]:
        """The legal values of `aud`: the client id (tokens of version 2) or its URI (version 1)."""
        return frozenset({self.client, f"api://{self.client}"})

    @property
    def issuers(self) -> frozenset[str]:
        """The legal values of `iss`: the tenant as tokens of version 1 and 2 name it."""
        return frozenset(
            {
                f"https://sts.windows.net/{self.tenant}/",
                f"{self.authority}/{self.tenant}/v2.0",
            }
        )

    @property
    def keys(self) -> str:
        """The URL where the tenant publishes its signing keys."""
        return f"{self.authority}/{self.tenant}/discovery/v2.0/keys"


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused: 401, the token is missing or invalid; 403, it lacks the role."""

    status: int
    reason: str


def bearer_token(authorization: str | None) -> str | Refusal:
    """Take the token out of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Refusal(
            401,
            "The request has no Entra token: get one, and send it in the header "
            "`Authorization: Bearer TOKEN`.",
        )
    return token.strip()


def judge(
    claims: Mapping[str, object], operation: Operation, api: Api, now: float
) -> Refusal | None:
    """Decide whether a token's claims allow an operation; None means yes."""
    fault = _fault(claims, api, now)
    if fault:
        return Refusal(401, fault)
    needed, given = NEEDED[operation], claims.get("roles")
    roles = {one for one in given if isinstance(one, str)} if isinstance(given, list) else set()
    if roles & _SATISFIED_BY[needed]:
        return None
    return Refusal(
        403,
        f"To {operation} you need the app role {needed}, which the token lacks. Have it assigned "
        f"in Entra (Enterprise applications, the application with id {api.client}, "
        "Users and groups), then get a new token.",
    )


def _fault(claims: Mapping[str, object], api: Api, now: float) -> str:
    expires, starts = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
    if expires is None or starts is None:
        return "The token has no readable times in `exp` and `nbf`: get a new one."
    checks = (
        (now < expires + LEEWAY_S, "The token has expired: get a new one."),
        (starts <= now + LEEWAY_S, "The token is not valid yet: check that the clocks agree."),
        (str(claims.get("iss")) in api.issuers, f"The token is not from tenant {api.tenant}."),
        (str(claims.get("aud")) in api.audiences, f"The token is not for api://{api.client}."),
    )
    return next((why for good, why in checks if not good), "")


def _seconds(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
