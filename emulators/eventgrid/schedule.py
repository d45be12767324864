"""Decides what follows a delivery attempt: another attempt and when, or giving up and why. Pure.

Waits are in real time; the caller divides them by the time scale.
"""

from dataclasses import dataclass

RETRY_WAITS_S = (10, 30, 60, 300, 600, 1800, 3600, 10800, 21600, 43200)
DEAD_LETTER_WAIT_S = 300.0
DEAD_LETTER_PATIENCE_S = 4 * 3600.0
JITTER_SHARE = 0.1

_MINIMUM_WAITS_S = {408: 120.0, 503: 30.0}
_MINIMUM_OTHERWISE_S = 10.0
_MINIMUM_AZURE_MISSING_S = 300.0
_NEVER_AGAIN = frozenset({400, 403, 413})
_FIRST_SUCCESS, _LAST_SUCCESS = 200, 204

OUTCOMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    408: "TimedOut",
    413: "RequestEntityTooLarge",
    429: "Busy",
    503: "Busy",
}


@dataclass(frozen=True)
class RetryPolicy:
    """When a subscription gives up."""

    max_attempts: int = 30
    ttl_minutes: int = 1440


@dataclass(frozen=True)
class Attempt:
    """How one delivery attempt went; status 0 means that no HTTP answer came."""

    status: int
    detail: str = ""
    azure_endpoint: bool = False

    @property
    def delivered(self) -> bool:
        """Tell whether the event was delivered: only 200 to 204 count."""
        return _FIRST_SUCCESS <= self.status <= _LAST_SUCCESS

    @property
    def outcome(self) -> str:
        """Return the name that dead letters use for this outcome."""
        if self.delivered:
            return "Delivered"
        return OUTCOMES.get(self.status, "SocketError" if self.status == 0 else "GenericError")


@dataclass(frozen=True)
class Again:
    """Make another attempt after this wait."""

    wait_s: float


@dataclass(frozen=True)
class GiveUp:
    """Give up, for this reason."""

    reason: str


def after_failure(
    attempt: Attempt, attempts: int, policy: RetryPolicy, jitter: float = 0.0
) -> Again | GiveUp:
    """Decide after the failed attempt number `attempts`, which counts from 1; jitter is 0 to 1."""
    refused = attempt.status in _NEVER_AGAIN or (
        attempt.status == 401 and not attempt.azure_endpoint  # noqa: PLR2004  # an HTTP status
    )
    if refused:
        return GiveUp(f"UndeliverableDueToHttp{attempt.outcome}")
    if attempts >= policy.max_attempts:
        return GiveUp("MaxDeliveryAttemptsExceeded")
    step = RETRY_WAITS_S[min(attempts, len(RETRY_WAITS_S)) - 1]
    wait = max(step, minimum_wait_s(attempt)) * (1 + JITTER_SHARE * jitter)
    return Again(wait)


def minimum_wait_s(attempt: Attempt) -> float:
    """Return the least wait that this outcome demands."""
    if attempt.azure_endpoint and attempt.status in (401, 404):
        return _MINIMUM_AZURE_MISSING_S
    return _MINIMUM_WAITS_S.get(attempt.status, _MINIMUM_OTHERWISE_S)


def expired(policy: RetryPolicy, published_at: float, now: float, scale: float) -> bool:
    """Tell whether an event is past its time to live; asked only when its next attempt is due."""
    return now - published_at >= policy.ttl_minutes * 60 / scale
