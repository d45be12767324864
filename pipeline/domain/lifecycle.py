"""The states of a run and its legal moves, as one table."""

from enum import StrEnum

from pipeline.errors import Permanent


class State(StrEnum):
    """Where a run stands."""

    CLAIMED = "claimed"
    WAITING = "waiting"
    PLANNING = "planning"
    SUBMITTING = "submitting"
    RUNNING = "running"
    ASSEMBLING = "assembling"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = State
# A verdict is legal from every active state, since limits may end a run anywhere.
_ANYWHERE = frozenset({S.FAILED, S.CANCELLING})
LEGAL: dict[State, frozenset[State]] = {
    S.CLAIMED: _ANYWHERE | {S.PLANNING, S.WAITING},
    S.WAITING: _ANYWHERE | {S.CLAIMED},
    S.PLANNING: _ANYWHERE | {S.SUBMITTING, S.WAITING},
    S.SUBMITTING: _ANYWHERE | {S.RUNNING, S.ASSEMBLING},
    S.RUNNING: _ANYWHERE | {S.ASSEMBLING},
    S.ASSEMBLING: _ANYWHERE | {S.SUCCEEDED},
    S.CANCELLING: frozenset({S.CANCELLED}),
    S.SUCCEEDED: frozenset({S.CLAIMED}),
    S.FAILED: frozenset({S.CLAIMED}),
    S.CANCELLED: frozenset({S.CLAIMED}),
}
TERMINAL = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})


class IllegalMove(Permanent):
    """A run cannot go from its state to that one."""


def check_move(run: str, before: State, after: State) -> None:
    """Raise IllegalMove unless the table allows the move."""
    if after not in LEGAL[before]:
        legal = ", ".join(sorted(LEGAL[before])) or "nothing: it is final"
        raise IllegalMove(f"Run {run} is {before} and cannot become {after}; legal: {legal}.")
