"""How often a request that failed for a passing reason is repeated, and after how long."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Retries:
    """At most so many repetitions, with pauses that double from the first to the longest.

    A server that asks for a longer pause than the longest is not asked again by the client: the
    error says that repeating helps.
    """

    most: int = 5
    first_s: float = 0.5
    longest_s: float = 30.0

    def pause_s(self, attempt: int, asked_s: float = 0.0) -> float | None:
        """Return how long to wait after an attempt, counted from 0; None means: give up."""
        if attempt >= self.most or asked_s > self.longest_s:
            return None
        return max(asked_s, min(self.longest_s, self.first_s * float(2**attempt)))


NEVER = Retries(most=0)
