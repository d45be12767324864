"""The engine's pushes and the emulator's pools, on a virtual clock and five traces of arrivals."""

from functools import partial

import pytest

from benchmarks.idling import Cluster, Ours, traces
from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.simulation.world import Simulation
from pipeline.errors import Transient
from tests.depth import more

# The last one has 20,000 tasks.
TRACES = more(traces()[:-1], traces())
named = partial(pytest.mark.parametrize, "trace", TRACES, ids=[trace.name for trace in TRACES])
SLOWEST_S = 1100


class Dying(Cluster):
    """The pool, whose first resize ends after one of its steps, as if its caller had died."""

    steps, died = 1, False

    def resize_by_hand(self, pool, dedicated, spot):
        if self.died:
            super().resize_by_hand(pool, dedicated, spot)
            return
        self.died = True
        self.disable()
        if self.steps > 1:
            super().resize_by_hand(pool, dedicated, spot)
        raise Transient("The caller is gone.")


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "at intervals"])
@named()
def test_an_empty_pool_is_asked_for_nodes_within_half_a_minute_and_goes_to_zero(trace, at_once):
    dialect = Dialect(evaluates_at_enable=at_once)
    with Simulation(node_quota=5_000, autoscale_dialect=dialect) as simulation:
        ours = Ours(simulation, trace)
        figures = ours.figures()  # returns when no node is left
    assert ours.empty > 0
    assert ours.late == []
    assert figures.slowest < SLOWEST_S


@pytest.mark.parametrize("steps", [1, 2])
def test_a_pusher_that_dies_after_a_step_leaves_a_pool_that_still_goes_to_zero(steps):
    class Half(Ours):
        def cluster(self):
            self.dying = Dying(self.simulation, self.pool)
            self.dying.steps = steps
            return self.dying

    with Simulation(autoscale_dialect=Dialect(evaluates_at_enable=False)) as simulation:
        half = Half(simulation, traces()[0])
        half.figures()  # returns when no node is left
        assert half.dying.died
        assert half.pool.autoscale
