"""What a node shows of its addresses, and where its users would log in."""

from typing import Any

import pytest

from emulators.batch.errors import BatchError
from emulators.batch.model.addresses import login_settings, node_addresses

LINUX = {"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.ubuntu 22.04"}}
WINDOWS = {"virtualMachineConfiguration": {"nodeAgentSKUId": "batch.node.windows amd64"}}
REMOTE_DESKTOP = {
    "name": "desk",
    "protocol": "TCP",
    "backendPort": 3389,
    "frontendPortRangeStart": 15_000,
    "frontendPortRangeEnd": 15_039,
}


def networked(machine: dict[str, Any], **network: Any) -> dict[str, Any]:
    return {**machine, "networkConfiguration": network}


def asking_for(machine: dict[str, Any], *endpoints: dict[str, Any]) -> dict[str, Any]:
    return networked(machine, endpointConfiguration={"inboundNATPools": list(endpoints)})


def endpoints_of(number: int, pool: dict[str, Any]) -> list[tuple[str, int, int]]:
    shown = node_addresses(number, pool)["endpointConfiguration"]["inboundEndpoints"]
    return [(one["name"], one["frontendPort"], one["backendPort"]) for one in shown]


def test_a_node_shows_what_its_pool_asks_for_and_the_services_own_endpoint() -> None:
    pool = asking_for(LINUX, REMOTE_DESKTOP)
    assert endpoints_of(3, pool) == [("desk.0", 15_003, 3389), ("SSHRule.0", 50_003, 22)]


def test_an_endpoint_for_logins_takes_the_place_of_the_services_own() -> None:
    pool = asking_for(WINDOWS, REMOTE_DESKTOP)
    assert endpoints_of(0, pool) == [("desk.0", 15_000, 3389)]
    assert login_settings(0, pool)["remoteLoginPort"] == 15_000


def test_a_range_of_ports_begins_anew_after_its_end() -> None:
    assert endpoints_of(40, asking_for(LINUX, REMOTE_DESKTOP))[0][1] == 15_000


def test_a_pool_of_two_stacks_has_addresses_of_both() -> None:
    pool = networked(LINUX, publicIPAddressConfiguration={"ipFamilies": ["IPv4", "IPv6"]})
    assert set(login_settings(1, pool)) == {
        "remoteLoginIPAddress",
        "remoteLoginPort",
        "ipv6RemoteLoginIPAddress",
        "ipv6RemoteLoginPort",
    }
    assert node_addresses(1, pool)["ipv6Address"] == "fd00::5"
    assert "ipv6Address" not in node_addresses(1, LINUX)


def test_a_pool_without_public_addresses_shows_no_endpoint_and_no_login() -> None:
    pool = networked(LINUX, publicIPAddressConfiguration={"provision": "NoPublicIPAddresses"})
    assert "endpointConfiguration" not in node_addresses(0, pool)
    with pytest.raises(BatchError) as refused:
        login_settings(0, pool)
    assert refused.value.status == 501
