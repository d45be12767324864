"""The tables of states and their moves."""

import pytest

from emulators.batch.model.states import MOVES, IllegalMove, JobState, NodeState, check_move


def test_every_state_has_a_row_and_terminal_states_stay() -> None:
    for states, table in MOVES.items():
        assert set(table) == set(states)
    for state in (JobState.DELETING, NodeState.LEAVING_POOL):
        assert not MOVES[type(state)][state]
    with pytest.raises(IllegalMove):
        check_move(JobState.COMPLETED, JobState.ACTIVE)
