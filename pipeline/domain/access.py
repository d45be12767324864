"""Who may do what over HTTP: an Entra token's claims and the role that an operation needs.

Pure: the signature is verified before (`adapters/tokens.py`); nothing here is true of a token whose
signature is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

LEEWAY_S = 60


class Role(StrEnum):
    """The app roles of the app registration, as they stand in the claim `roles`."""

    READER = "Reader"
    OPERATOR = "Operator"


class Operation(StrEnum):
    """What the HTTP interface does."""

    START = "start a run"
    LIST = "list runs"
    SHOW = "show a run"
    CANCEL = "cancel a run"
    REDRIVE = "redrive a run"


NEEDED: Mapping[Operation, Role] = {
    Operation.START: Role.OPERATOR,
    Operation.LIST: Role.READER,
    Operation.SHOW: Role.READER,
    Operation.CANCEL: Role.OPERATOR,
    Operation.REDRIVE: Role.OPERATOR,
}
# An operator reads as well.
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
        """What `aud` may be: the client id (tokens of version 2) or its URI (version 1)."""
        return frozenset({self.client, f"api://{self.client}"})

    @property
    def issuers(self) -> frozenset[str]:
        """What `iss` may be: the tenant, as tokens of version 1 and of version 2 name it."""
        return frozenset(
            {
                f"https://sts.windows.net/{self.tenant}/",
                f"{self.authority}/{self.tenant}/v2.0",
            }
        )

    @property
    def keys(self) -> str:
        """Where the tenant publishes the keys that it signs with."""
        return f"{self.authority}/{self.tenant}/discovery/v2.0/keys"


@dataclass(frozen=True)
class Refusal:
    """Why a request is not served: 401, the token is no good; 403, its role is not enough."""

    status: int
    reason: str


def bearer_token(authorization: str | None) -> str | Refusal:
    """Take the token out of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        return Refusal(401, "This needs an Entra token: header `Authorization: Bearer …`.")
    return token.strip()


def judge(
    claims: Mapping[str, object], operation: Operation, api: Api, now: float
) -> Refusal | None:
    """Decide whether the holder of these claims may do it; None means yes."""
    fault = _fault(claims, api, now)
    if fault:
        return Refusal(401, fault)
    needed, given = NEEDED[operation], claims.get("roles")
    roles = {one for one in given if isinstance(one, str)} if isinstance(given, list) else set()
    if roles & _SATISFIED_BY[needed]:
        return None
    return Refusal(
        403,
        f"To {operation} takes the app role {needed}, which the token does not have: have it "
        f"assigned in Entra (Enterprise applications, the application with id {api.client}, "
        "Users and groups), then get a new token.",
    )


def _fault(claims: Mapping[str, object], api: Api, now: float) -> str:
    expires, starts = _seconds(claims.get("exp")), _seconds(claims.get("nbf", 0))
    if expires is None or starts is None:
        return "The token does not say from when until when it is good."
    checks = (
        (now < expires + LEEWAY_S, "The token is expired: get a new one."),
        (starts <= now + LEEWAY_S, "The token is not good yet: compare the clocks."),
        (str(claims.get("iss")) in api.issuers, f"The token is not from tenant {api.tenant}."),
        (str(claims.get("aud")) in api.audiences, f"The token is not for api://{api.client}."),
    )
    return next((why for good, why in checks if not good), "")


def _seconds(value: object) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
