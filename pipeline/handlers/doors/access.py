"""Checks the caller of every request, before anything else of the request is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.domain.access import Api, Operation, Refusal, bearer_token, judge
from pipeline.handlers.doors.http import Action, Reply, answering

__all__ = ["Gate", "Operation", "serve"]

type Verify = Callable[[str], Mapping[str, object] | None]


@dataclass(frozen=True)
class Gate:
    """Admits callers with the role; `verify` returns a token's claims if its signature is valid."""

    api: Api
    verify: Verify
    now: Callable[[], float]

    def refusal(self, operation: Operation, authorization: str | None) -> Refusal | None:
        """Return why a request is refused, or None if it is served."""
        token = bearer_token(authorization)
        if isinstance(token, Refusal):
            return token
        claims = self.verify(token)
        if claims is None:
            return Refusal(401, "The token is invalid, or this tenant did not sign it (RS256).")
        return judge(claims, operation, self.api, self.now())


def serve(
    gate: Callable[[], Gate | None],
    operation: Operation,
    authorization: str | None,
    action: Action,
) -> Reply:
    """Carry out a request if its caller may; without a gate, the host checked a function key."""

    def checked() -> Reply:
        guard = gate()
        refusal = guard and guard.refusal(operation, authorization)
        return _refused(guard.api, refusal) if guard and refusal else action()

    return answering(checked)


def _refused(api: Api, refusal: Refusal) -> Reply:
    error = "invalid_token" if refusal.status == 401 else "insufficient_scope"  # noqa: PLR2004 401
    challenge = (
        f'Bearer authorization_uri="{api.authority}/{api.tenant}", '
        f'resource_id="api://{api.client}", error="{error}"'
    )
    body = {"error": refusal.reason, "retry": False}
    return Reply(refusal.status, body, {"WWW-Authenticate": challenge})
