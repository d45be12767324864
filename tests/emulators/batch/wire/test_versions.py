"""The api-versions in review: refused without the flag, and with it other than 2025-06-01."""

from collections.abc import Iterator

import pytest

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator

NEWEST = "2025-06-01"
FIRST, SECOND = IN_REVIEW = ("2026-08-01", "2026-10-01")
ADDRESSES = {"publicIPAddress", "publicIPv6Address"}
DUAL = {"publicIPAddressConfiguration": {"ipFamilies": ["IPv4", "IPv6"]}}
MACHINE = {
    "imageReference": {"publisher": "debian", "offer": "debian-12", "sku": "12"},
    "nodeAgentSKUId": "batch.node.debian 12",
}
POOL = {
    "vmSize": "standard_d2s_v5",
    "targetDedicatedNodes": 1,
    "virtualMachineConfiguration": MACHINE,
    "networkConfiguration": DUAL,
}
PROFILE = {"vmSizes": [{"name": "Standard_D2s_v5"}]}
AUTO = {"zonePlacementPolicy": "Auto"}


@pytest.fixture(scope="module")
def ahead(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Run an emulator that serves the versions in review, with a pool of one node."""
    running = Emulator(tmp_path_factory.mktemp("ahead"), "--versions-in-review")
    made = send(running, "POST", "/pools", {"id": "pool", **POOL})
    assert made.status_code == 201, made.text()
    yield running
    assert running.stop() == 0


def node(emulator: Emulator, version: str, query: str = "") -> dict[str, object]:
    (only,) = send(emulator, "GET", f"/pools/pool/nodes{query}", version=version).json()["value"]
    return only


@pytest.mark.parametrize("version", IN_REVIEW)
def test_without_the_flag_they_are_refused_and_the_flag_is_named(
    emulator: Emulator, version: str
) -> None:
    status, code, values = refusal(send(emulator, "GET", "/pools", version=version))
    assert (status, code) == (400, "UnsupportedRequestVersion")
    assert "--versions-in-review" in values["Reason"]
    assert version not in values["Reason"]


@pytest.mark.parametrize("version", ["2026-09-01", "1999-01-01.1.0"])
def test_with_the_flag_unknown_versions_are_refused_still(ahead: Emulator, version: str) -> None:
    found = refusal(send(ahead, "GET", "/pools", version=version))
    assert found[:2] == (400, "UnsupportedRequestVersion")
    assert FIRST in found[2]["Reason"]


@pytest.mark.parametrize("version", IN_REVIEW)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/resize", {"targetDedicatedNodes": 0, "nodeDeallocationOption": "RetainedData"}),
        ("/removenodes", {"nodeList": ["NODE"], "nodeDeallocationOption": "retaineddata"}),
        ("/nodes/NODE/deallocate", {"nodeDeallocateOption": "retaineddata"}),
        ("/nodes/NODE/reboot", {"nodeRebootOption": "retaineddata"}),
        ("/nodes/NODE/reimage", {"nodeReimageOption": "retaineddata"}),
    ],
)
def test_retained_data_is_no_option_anywhere(
    ahead: Emulator, version: str, path: str, body: dict[str, object]
) -> None:
    name = str(node(ahead, NEWEST)["id"])
    answer = send(ahead, "POST", "/pools/pool" + path.replace("NODE", name), body, version=version)
    status, code, values = refusal(answer)
    assert (status, code) == (400, "InvalidPropertyValue")
    assert values["PropertyName"] in body
    assert node(ahead, NEWEST)["id"] == name


def test_other_options_and_older_versions_are_as_they_were(ahead: Emulator) -> None:
    pool = {**POOL, "id": "small", "targetDedicatedNodes": 0}
    assert send(ahead, "POST", "/pools", pool, version=SECOND).status_code == 201
    for version, option in ((SECOND, "taskcompletion"), (NEWEST, "retaineddata")):
        body = {"targetDedicatedNodes": 0, "nodeDeallocationOption": option}
        assert send(ahead, "POST", "/pools/small/resize", body, version=version).status_code == 202


def test_statistics_of_pools_lose_their_usage(ahead: Emulator) -> None:
    for path in ("/pools/pool", "/pools"):
        for version, has in ((NEWEST, True), (FIRST, False), (SECOND, False)):
            answer = send(ahead, "GET", f"{path}?$expand=stats", version=version).json()
            pool = answer["value"][0] if "value" in answer else answer
            assert ("usageStats" in pool["stats"]) is has
            assert pool["stats"]["lastUpdateTime"]


def test_nodes_show_their_public_addresses(ahead: Emulator) -> None:
    for version in IN_REVIEW:
        assert node(ahead, version).keys() >= ADDRESSES
        only = node(ahead, version, "?$select=publicIPv6Address")
        assert only == {"publicIPv6Address": "2001:db8::1"}
        one = send(ahead, "GET", f"/pools/pool/nodes/{node(ahead, version)['id']}", version=version)
        assert one.json()["publicIPAddress"] == "203.0.113.1"
    assert not node(ahead, NEWEST).keys() & ADDRESSES
    refused = send(ahead, "GET", "/pools/pool/nodes?$select=publicIPAddress", version=NEWEST)
    assert refused.status_code == 400


def test_only_the_later_one_lacks_usage_metrics(ahead: Emulator) -> None:
    assert send(ahead, "GET", "/poolusagemetrics", version=FIRST).status_code == 200
    found = refusal(send(ahead, "GET", "/poolusagemetrics", version=SECOND))
    assert found[:2] == (404, "InvalidUri")


@pytest.mark.parametrize(
    ("version", "pool", "machine", "answer"),
    [
        (FIRST, {"vmSkuProfile": PROFILE}, {}, (501, "NotImplemented")),
        (SECOND, {"vmSkuProfile": PROFILE}, {}, (501, "NotImplemented")),
        (SECOND, {}, {"placement": AUTO}, (501, "NotImplemented")),
        (SECOND, {}, {"resiliencyPolicy": {}}, (501, "NotImplemented")),
        (SECOND, {}, {"hardwareProfile": {}}, (501, "NotImplemented")),
        (FIRST, {}, {"hardwareProfile": {}}, (400, "InvalidRequestBody")),
        (NEWEST, {"vmSkuProfile": PROFILE}, {}, (400, "InvalidRequestBody")),
    ],
)
def test_what_they_add_to_pools_is_501_and_no_pool_is_made(
    ahead: Emulator,
    version: str,
    pool: dict[str, object],
    machine: dict[str, object],
    answer: tuple[int, str],
) -> None:
    body = {**POOL, **pool, "id": "new", "virtualMachineConfiguration": {**MACHINE, **machine}}
    assert refusal(send(ahead, "POST", "/pools", body, version=version))[:2] == answer
    assert send(ahead, "GET", "/pools/new").status_code == 404
