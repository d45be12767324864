"""The quotas of the Batch account: how much is used, and how much its pools may need."""

import pytest

from pipeline.domain.health.findings import Level
from pipeline.domain.health.quotas import Machines, Quotas, Size, core_use, cores, used
from tests.unit.domain.health.test_findings import AZURE, a_pool

SIZES = {"standard_d2s_v5": Size("standardDSv5Family", 2), "standard_d8s_v5": Size("F8", 8)}
PLENTY = Quotas(100, 100, {"standarddsv5family": 100}, True, 100, 100)
OTHER = Machines("other", "STANDARD_D2S_V5", 5, 3)


def test_a_region_without_the_size_is_reported():
    found = cores(a_pool(), {}, PLENTY, [], AZURE)
    assert found.level is Level.FAULT and "westeurope does not offer Standard_D2s_v5" in found.what
    assert "az batch location list-skus -l westeurope" in found.mend


@pytest.mark.parametrize(
    ("quotas", "level", "said"),
    [
        (PLENTY, Level.OK, "covers 4 nodes"),
        (Quotas(0, 0, {}, False, 1, 1), Level.FAULT, "needs 8 dedicated cores, the quota is 0"),
        (
            Quotas(100, 0, {}, True, 1, 1),
            Level.FAULT,
            "needs 8 standardDSv5Family cores, the quota is 0",
        ),
        (Quotas(4, 0, {}, False, 1, 1), Level.NOTE, "needs 8 dedicated cores, the quota is 4"),
        (Quotas(None, None, {}, False, 1, 1), Level.OK, "covers"),
    ],
)
def test_zero_and_small_quotas_are_distinguished(quotas, level, said):
    found = cores(a_pool(), SIZES, quotas, [], AZURE)
    assert found.level is level and said in found.what


def test_spot_quota_is_that_of_the_spot_share():
    pool = a_pool(nodes=a_pool().nodes.model_copy(update={"spot_share": 0.5}))
    found = cores(pool, SIZES, Quotas(100, 0, {}, False, 1, 1), [], AZURE)
    assert found.what == "needs 4 spot cores, the quota is 0"


@pytest.mark.parametrize(("count", "level"), [(1, Level.OK), (80, Level.NOTE), (100, Level.FAULT)])
def test_a_limit_that_is_used_up_is_reported(count, level):
    assert used("active jobs", count, 100, AZURE).level is level


def test_a_maximum_may_be_too_large_beside_what_other_pools_have():
    quotas = Quotas(100, 100, {"standarddsv5family": 16}, True, 100, 100)
    found = cores(a_pool(), SIZES, quotas, [OTHER], AZURE)
    assert found.level is Level.NOTE
    assert found.what == "needs 8 standardDSv5Family cores, other pools have 10, the quota is 16"
    assert found.why == "the pool stays smaller than its maximum"
    assert "ask for quota" in found.mend


def test_use_is_reported_by_family_if_the_account_limits_families():
    told = core_use(SIZES, PLENTY, [OTHER, Machines("big", "standard_d8s_v5", 1, 0)], [a_pool()])
    assert {found.check: found.what for found in told} == {
        "cores: dedicated": "18 of 100 are used",
        "cores: spot": "6 of 100 are used",
        "cores: F8": "8 of 0 are used",
        "cores: standardDSv5Family": "10 of 100 are used",
    }


def test_without_limits_by_family_only_the_sums_are_reported():
    told = core_use(SIZES, Quotas(20, None, {}, False, 1, 1), [OTHER], [a_pool()])
    assert [(found.check, found.what) for found in told] == [
        ("cores: dedicated", "10 of 20 are used")
    ]


def test_all_cores_in_use_is_not_a_fault():
    told = core_use(SIZES, Quotas(10, 6, {}, False, 1, 1), [OTHER], [])
    assert {found.level for found in told} == {Level.OK}


def test_nodes_of_an_unknown_size_are_reported_and_not_counted():
    *_, last = core_use(SIZES, PLENTY, [Machines("old", "standard_nc6", 2, 1)], [])
    assert last.what.startswith("not counted: 3 nodes of standard_nc6")
