"""What the doctor says about a pool, for each report of Batch."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.domain.definitions.pool import Gpu
from pipeline.domain.health import pools
from pipeline.domain.health.findings import Deployment, Level
from pipeline.domain.health.quotas import Machines
from pipeline.domain.waiting.reports import NodeCounts, PoolReport, Trouble
from tests.unit.domain.definitions.test_pool import pool

AZURE = Deployment("s", "rg-x", "bax", "stx", "func-x", "westeurope")
LOCAL = Deployment()
NOW = datetime(2026, 11, 25, tzinfo=UTC)
CPU = pool()
OLD = Machines("cpu-old", "x", 0, 1, "cpu", autoscales=False)
STARTED = Trouble("FailureExitCode", "x", "n1")
STEADY = {"state": "active", "allocation": "steady", "formula": "x"}


def wanting(code):
    """Make the report of a pool that wants two nodes, has none, and kept its last resize error."""
    return PoolReport(**STEADY, target_nodes=2, resize_errors=[Trouble(code, "no")])


def with_nodes(error=None, **counts):
    return PoolReport(
        **STEADY, nodes=2, target_nodes=2, counts=NodeCounts(**counts), node_error=error
    )


@pytest.mark.parametrize(
    ("report", "said", "mend"),
    [
        (PoolReport(""), "does not exist", "azd provision"),
        (wanting("AccountCoreQuotaReached"), "Quota", "quota"),
        (wanting("AllocationFailed"), "Alloc", "list-skus"),
        (wanting("ResizeStopped"), "ResizeStopped", "pool show"),
        (with_nodes(STARTED, start_task_failed=2), "start task", "node list"),
        (with_nodes(Trouble("ContainerInvalidImage", ""), unusable=2), "Container", "node list"),
        (with_nodes(unusable=1, idle=1), "1 of 2 nodes", "node list"),
        (PoolReport("active", "steady"), "no autoscale formula", "enable --pool-id cpu-1"),
    ],
)  # fmt: skip
def test_every_problem_of_a_pool_is_reported_with_its_command(report, said, mend):
    (found,) = pools.pool(CPU, "cpu-1", report, AZURE, NOW)
    assert found.level is Level.FAULT and said in found.what and mend in found.mend


@pytest.mark.parametrize(
    "report",
    [
        PoolReport(**STEADY),
        with_nodes(idle=2),
        with_nodes(starting=2),
        with_nodes(idle=1, preempted=1),
        PoolReport("active", "resizing", target_nodes=2, autoscales=False),
        PoolReport("active", "resizing", formula="x", target_nodes=2,
                   resize_errors=[Trouble("AllocationFailed", "the last time")]),
    ],
)  # fmt: skip
def test_a_pool_that_rests_works_or_grows_is_healthy(report):
    assert pools.pool(CPU, "cpu-1", report, LOCAL, NOW)[0].level is Level.OK


def test_a_pool_with_gpus_is_made_by_a_deployment_that_is_told_to():
    cards = pool(name="cards", gpu=Gpu.NVIDIA, slots=1)
    (found,) = pools.pool(cards, "cards-1", PoolReport(""), AZURE, NOW)
    assert found.mend == "azd env set FANFARE_GPU_POOLS true; azd provision"
    (found,) = pools.pool(cards, "cards-1", PoolReport(""), LOCAL, NOW)
    assert found.mend == "fanfare up"


def test_a_pool_that_was_left_out_is_made_by_a_deployment_that_leaves_out_the_others():
    told = replace(AZURE, without=frozenset({"cpu", "cards", "old"}))
    cards = pool(name="cards", gpu=Gpu.NVIDIA, slots=1)
    mends = [pools.pool(p, "x", PoolReport(""), told, NOW)[0].mend for p in (CPU, cards)]
    assert mends == [
        'azd env set FANFARE_WITHOUT_POOLS "cards,old"; azd provision',
        'azd env set FANFARE_WITHOUT_POOLS "cpu,old"; azd env set FANFARE_GPU_POOLS true; '
        "azd provision",
    ]


@pytest.mark.parametrize(
    ("where", "mend"),
    [
        (AZURE, "az batch account login -n bax -g rg-x; az batch pool delete --pool-id cpu-old"),
        (Deployment(named=True), "delete pool cpu-old of the Batch account"),
    ],
)
def test_a_pool_that_nobody_declares_any_more_and_that_keeps_its_nodes_is_reported(where, mend):
    (found,) = pools.left_over([OLD], {"cpu-new"}, where)
    assert (found.check, found.level) == ("pool cpu-old", Level.FAULT)
    assert mend in found.mend


def test_a_pool_that_nobody_declares_any_more_may_have_nodes_as_long_as_it_autoscales():
    (found,) = pools.left_over([replace(OLD, autoscales=True)], {"cpu-new"}, AZURE)
    assert (found.check, found.level) == ("pool cpu-old", Level.OK)


@pytest.mark.parametrize(
    ("machines", "where"),
    [
        (replace(OLD, pool="cpu-new"), AZURE),
        (replace(OLD, spot=0), AZURE),
        (replace(OLD, made_from=""), AZURE),
        (OLD, LOCAL),
    ],
    ids=["declared", "no nodes", "not of Fanfare", "nodes are processes of this machine"],
)
def test_other_pools_of_the_account_are_none_of_its_business(machines, where):
    assert pools.left_over([machines], {"cpu-new"}, where) == []
