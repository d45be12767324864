"""Faults in the world in memory: each is told by its code, and printed commands cure."""

import functools
import tempfile
from pathlib import Path

import pytest

from pipeline.domain.waiting.endings import ENDINGS
from pipeline.domain.waiting.remedies import MEANINGS, Place
from tests.faults import seeds_of_services
from tests.faults.measure import Outcome
from tests.faults.remedies import plain
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


@pytest.mark.parametrize("fault", [f for f in HERE if f.key not in UNTOLD], ids=str)
def test_a_remedy_is_commands_or_marked_as_work_for_a_person(fault):
    told = outcome_of(fault).told
    assert told and plain(told.remedy), told


PLACES = [Place(local, "job-1", "job", "cpu", "cpu-1", "job-1-g1") for local in (True, False)]


@pytest.mark.parametrize("meaning", [*MEANINGS.values(), *ENDINGS.values()], ids=lambda m: m.text)
def test_every_remedy_of_the_engine_is_commands_or_marked_as_work_for_a_person(meaning):
    assert [r for place in PLACES if not plain(r := meaning.remedy(place))] == []


@pytest.mark.parametrize(
    ("remedy", "well"),
    [
        ("fanfare cancel a-1; fanfare redrive a-1", True),
        ("az batch pool show --pool-id a; by hand: ask (in the portal); or wait", True),
        ("az batch pool autoscale enable -f '$Target = (1)'", True),
        ("fanfare up (it restarts what hangs)", False),
        ("fanfare up | tee log", False),
        ("wait, or lower `nodes.maximum`", False),
    ],
)
def test_a_line_that_a_shell_would_not_take_is_noticed(remedy, well):
    assert plain(remedy) is well
