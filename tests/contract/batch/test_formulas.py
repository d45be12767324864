"""What the Batch adapter sends when it pushes a formula or resizes a pool by hand."""

import pytest

from pipeline.adapters.batch.cluster import AzureCluster
from pipeline.errors import Conflict
from tests.contract.batch.stub import error


@pytest.mark.parametrize(
    ("known", "sent"),
    [
        ({"enableAutoScale": True, "autoScaleEvaluationInterval": "PT5M"}, None),
        ({"enableAutoScale": True, "autoScaleEvaluationInterval": "PT15M"}, "PT05M00S"),
        ({"enableAutoScale": False}, "PT05M00S"),
    ],
)
def test_an_interval_is_named_only_where_it_is_not_the_pools_yet(stub, client, known, sent):
    stub.answer = lambda *_request: (200, known)
    AzureCluster(client).push_formula("p", "$TargetDedicatedNodes = 0;")
    (body,) = stub.took("POST", "/pools/p/enableautoscale")
    assert body.get("autoScaleEvaluationInterval") == sent


def test_a_resize_by_hand_holds_only_if_nobody_changed_the_pool_after_autoscale_was_disabled(
    stub, client
):
    stub.etag = "0x8D1"
    AzureCluster(client).resize_by_hand("p", 2, 1)
    target = {"targetDedicatedNodes": 2, "targetLowPriorityNodes": 1}
    assert stub.requests == [
        ("POST", "/pools/p/disableautoscale", None),
        ("POST", "/pools/p/resize", target),
    ]
    assert stub.conditions == [None, "0x8D1"]


def test_a_resize_of_a_pool_that_somebody_changed_is_a_conflict(stub, client):
    stub.answer = lambda _method, path, _body: (
        error(412, "ConditionNotMet") if path.endswith("resize") else (200, {})
    )
    with pytest.raises(Conflict):
        AzureCluster(client).resize_by_hand("p", 2, 1)
