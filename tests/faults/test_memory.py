"""Faults in the world in memory: each is told by its code, and printed commands cure."""

import functools
import tempfile
from pathlib import Path

import pytest

from tests.faults import seeds_of_services
from tests.faults.measure import Outcome
from tests.faults.seeds_of_runs import SEEDS
from tests.faults.table import FAULTS, UNCURED, UNTOLD, Fault, Kind
from tests.faults.world import World

assert seeds_of_services  # it registers its seeds
HERE = [fault for fault in FAULTS if not fault.stack]


@functools.cache
def outcome_of(fault: Fault) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), azure=fault.kind is Kind.AZ)
        SEEDS[fault.key](world)
        return world.outcome(fault)


def test_every_fault_of_the_table_has_a_seed():
    assert {fault.key for fault in HERE} == set(SEEDS)


@pytest.mark.parametrize("fault", HERE, ids=str)
def test_a_fault_is_told_by_its_code(fault):
    outcome = outcome_of(fault)
    assert bool(outcome.told) is (fault.key not in UNTOLD), str(outcome)


@pytest.mark.parametrize("fault", [f for f in HERE if f.kind is Kind.HERE], ids=str)
def test_the_printed_commands_cure(fault):
    outcome = outcome_of(fault)
    assert bool(outcome.cured) is (fault.key not in UNCURED), str(outcome)
