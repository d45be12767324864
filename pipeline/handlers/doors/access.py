"""Checks the caller of every request, before anything else of the request is read.

The caller becomes the asker of what the request starts or changes.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipeline.domain.access import Api, Operation, Refusal, bearer_token, judge
from pipeline.domain.runs.asking.askers import Asker
from pipeline.handlers.doors.http import Reply, answering

__all__ = ["Action", "Credentials", "Gate", "Operation", "serve"]

type Action = Callable[[Asker], Reply]
type Verify = Callable[[str], Mapping[str, object] | None]


@dataclass(frozen=True)
class Gate:
    """Admits callers with the role; `verify` returns a token's claims if its signature is valid."""

    api: Api
    verify: Verify
    now: Callable[[], float]

    def admit(self, operation: Operation, authorization: str | None) -> Asker | Refusal:
        """Return whose request it is, or why it is refused."""
        token = bearer_token(authorization)
        if isinstance(token, Refusal):
            return token
        claims = self.verify(token)
        if claims is None:
            return Refusal(401, "The token is invalid, or this tenant did not sign it (RS256).")
        return judge(claims, operation, self.api, self.now()) or Asker.of_claims(claims)


@dataclass(frozen=True)
class Credentials:
    """What a request says of its caller: an Authorization header, and a function key."""

    authorization: str | None
    key: str = field(default="", repr=False)


def serve(
    gate: Callable[[], Gate | None],
    operation: Operation,
    given: Credentials,
    action: Action,
) -> Reply:
    """Carry out a request if its caller may; without a gate, the host checked a function key."""

    def checked() -> Reply:
        guard = gate()
        if guard is None:
            return action(Asker.of_key(given.key))
        admitted = guard.admit(operation, given.authorization)
        if isinstance(admitted, Refusal):
            return _refused(guard.api, admitted)
        return action(admitted)

    return answering(checked)


def _refused(api: Api, refusal: Refusal) -> Reply:
    error = "invalid_token" if refusal.status == 401 else "insufficient_scope"  # noqa: PLR2004 401
    challenge = (
        f'Bearer authorization_uri="{api.authority}/{api.tenant}", '
        f'resource_id="api://{api.client}", error="{error}"'
    )
    body = {"error": refusal.reason, "retry": False}
    return Reply(refusal.status, body, {"WWW-Authenticate": challenge})
