"""Ends of support are warned of a year before, and a date that is none is not understood."""

from datetime import date

import pytest

from pipeline.domain.preflight import machines
from pipeline.domain.preflight.findings import Intent, State, Unexpected
from tests.unit.domain.definitions.test_pool import pool

INTENT = Intent("s", "demo", "westeurope", pools=(pool(),), today=date(2026, 12, 1))


def sku(end, **capabilities):
    listed = [{"name": name, "value": value} for name, value in capabilities.items()]
    size = INTENT.pools[0].size
    return [{"name": size, "familyName": "f", "batchSupportEndOfLife": end, "capabilities": listed}]


@pytest.mark.parametrize(
    ("end", "state"),
    [
        (None, State.OK),
        ("2028-11-15T00:00:00+00:00", State.OK),
        ("2027-11-15T00:00:00+00:00", State.WARNS),
        ("2025-01-01", State.WARNS),
    ],
)
def test_a_size_that_batch_retires_is_warned_of(end, state):
    (found,) = machines.sizes(INTENT, sku(end))
    assert found.state is state


def test_a_date_that_is_none_is_not_understood():
    with pytest.raises(Unexpected, match="as a date"):
        machines.sizes(INTENT, sku("soon"))


def test_spot_nodes_of_a_size_without_spot_capacity_never_come():
    spot = INTENT.pools[0].model_copy(
        update={"nodes": INTENT.pools[0].nodes.model_copy(update={"spot_share": 0.5})}
    )
    intent = Intent("s", "demo", "westeurope", pools=(spot,), today=INTENT.today)
    (found,) = machines.sizes(intent, sku(None, LowPriorityCapable="False"))
    assert (found.state, "no spot" in found.evidence) == (State.WARNS, True)


@pytest.mark.parametrize(
    ("changes", "states"),
    [
        ({}, [State.OK, State.OK]),
        ({"size": "Standard_NV6"}, [State.OK, State.WARNS]),
    ],
)
def test_ends_of_support_are_told_before_any_account_is_there(changes, states):
    intent = Intent("s", "demo", "westeurope", pools=(pool(**changes),), today=INTENT.today)
    assert [found.state for found in machines.ends(intent)] == states
