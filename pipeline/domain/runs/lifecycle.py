"""The states of a run and its legal moves, as one table."""

from enum import StrEnum

from pipeline.errors import Permanent


class State(StrEnum):
    """The state of a run."""

    CLAIMED = "claimed"
    WAITING = "waiting"
    PLANNING = "planning"
    SUBMITTING = "submitting"
    RUNNING = "running"
    ASSEMBLING = "assembling"
    COMMITTING = "committing"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


S = State
# Limits and people may end a run in any state but `committing`: the manifest and the verdict are in
# different services, so nothing else may be decided between the two.
_ANYWHERE = frozenset({S.FAILED, S.CANCELLING})
LEGAL: dict[State, frozenset[State]] = {
    S.CLAIMED: _ANYWHERE | {S.PLANNING, S.WAITING},
    S.WAITING: _ANYWHERE | {S.CLAIMED},
    S.PLANNING: _ANYWHERE | {S.SUBMITTING, S.WAITING},
    S.SUBMITTING: _ANYWHERE | {S.RUNNING, S.ASSEMBLING},
    S.RUNNING: _ANYWHERE | {S.ASSEMBLING},
    S.ASSEMBLING: _ANYWHERE | {S.COMMITTING},
    S.COMMITTING: frozenset({S.SUCCEEDED, S.FAILED}),
    S.CANCELLING: frozenset({S.CANCELLED}),
    S.SUCCEEDED: frozenset({S.CLAIMED}),
    S.FAILED: frozenset({S.CLAIMED}),
    S.CANCELLED: frozenset({S.CLAIMED}),
}
TERMINAL = frozenset({S.SUCCEEDED, S.FAILED, S.CANCELLED})
STOPPABLE = frozenset(state for state, moves in LEGAL.items() if S.CANCELLING in moves)


class IllegalMove(Permanent):
    """A run cannot go from its state to that one."""


def check_move(run: str, before: State, after: State) -> None:
    """Raise IllegalMove unless the table allows the move."""
    if after not in LEGAL[before]:
        legal = ", ".join(sorted(LEGAL[before])) or "none, the state is final"
        raise IllegalMove(f"Run {run} is {before} and cannot become {after}; legal moves: {legal}.")
