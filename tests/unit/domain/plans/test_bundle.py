import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.plans.bundle import bundles, pages
from pipeline.domain.plans.split import PlanError
from tests.unit.domain.quick import quick


@quick
@given(st.integers(0, 500), st.integers(1, 50), st.integers(1, 100))
def test_every_item_is_in_one_bundle_and_every_bundle_on_one_page(count, per_task, page_size):
    cut = list(pages(bundles(range(count), per_task), page_size))
    assert [item for page in cut for bundle in page for item in bundle] == list(range(count))
    assert all(1 <= len(bundle) <= per_task for page in cut for bundle in page)
    assert all(1 <= len(page) <= page_size for page in cut)


def test_a_page_holds_a_hundred_tasks():
    assert [len(page) for page in pages(bundles(range(250), 1))] == [100, 100, 50]


def test_an_empty_bundle_is_refused():
    with pytest.raises(PlanError, match="must have at least 1"):
        bundles([0], 0)
