"""Where a node would be reached from outside: addresses that are reserved for documents.

An emulated node has no network of its own, so nothing ever answers at them (RFC 2606, 3849, 5737).
"""

from emulators.batch.document import Doc
from emulators.batch.errors import BatchError

_PUBLIC_V4, _PUBLIC_V6, _PUBLIC_NAME = "203.0.113.1", "2001:db8::1", "nodes.batch.invalid"
# The service's own rule, whose ports no pool may claim.
_LOGIN_RULE, _LOGIN_PORTS = "SSHRule", range(50_000, 55_001)
_SSH, _RDP = 22, 3389


def node_addresses(number: int, pool: Doc) -> Doc:
    """Return what a node shows of its addresses; `number` counts the nodes of its pool."""
    shown: Doc = {"ipAddress": f"10.0.{number // 250}.{number % 250 + 4}"}
    if _has_v6(pool):
        shown["ipv6Address"] = f"fd00::{number + 4:x}"
    if _is_public(pool):
        shown["endpointConfiguration"] = {"inboundEndpoints": _endpoints(number, pool)}
        shown["publicIPAddress"] = _PUBLIC_V4  # only versions in review show these two
        if _has_v6(pool):
            shown["publicIPv6Address"] = _PUBLIC_V6
    return shown


def login_settings(number: int, pool: Doc) -> Doc:
    """Return where a user of a node would log in; refuse for a pool without public addresses.

    What the service answers for such a pool is unknown, so the refusal is no answer of its own.
    """
    if not _is_public(pool):
        why = "It is unknown what the service answers for a pool without public IP addresses."
        raise BatchError("NotImplemented", f"get_node_remote_login_settings: {why}")
    wanted = _login_port(pool)
    port = next(
        one["frontendPort"] for one in _endpoints(number, pool) if one["backendPort"] == wanted
    )
    shown: Doc = {"remoteLoginIPAddress": _PUBLIC_V4, "remoteLoginPort": port}
    if _has_v6(pool):
        shown |= {"ipv6RemoteLoginIPAddress": _PUBLIC_V6, "ipv6RemoteLoginPort": port}
    return shown


def _endpoints(number: int, pool: Doc) -> list[Doc]:
    """Return the endpoints that the pool asks for, and the service's own for logins unless one of
    them leads to the same port."""
    asked = _network(pool).get("endpointConfiguration") or {}
    pools: list[Doc] = asked.get("inboundNATPools") or []
    shown = [
        _endpoint(
            one["name"],
            str(one["protocol"]).lower(),
            range(one["frontendPortRangeStart"], one["frontendPortRangeEnd"] + 1),
            one["backendPort"],
            number,
        )
        for one in pools
    ]
    if all(one["backendPort"] != _login_port(pool) for one in shown):
        shown.append(_endpoint(_LOGIN_RULE, "tcp", _LOGIN_PORTS, _login_port(pool), number))
    return shown


def _endpoint(name: str, protocol: str, outside: range, inside: int, number: int) -> Doc:
    return {
        "name": f"{name}.0",
        "protocol": protocol,
        "publicIPAddress": _PUBLIC_V4,
        "publicFQDN": _PUBLIC_NAME,
        "frontendPort": outside[number % len(outside)],
        "backendPort": inside,
    }


def _login_port(pool: Doc) -> int:
    machine = pool.get("virtualMachineConfiguration") or {}
    return _RDP if "windows" in str(machine.get("nodeAgentSKUId", "")).lower() else _SSH


def _network(pool: Doc) -> Doc:
    network: Doc = pool.get("networkConfiguration") or {}
    return network


def _public(pool: Doc) -> Doc:
    public: Doc = _network(pool).get("publicIPAddressConfiguration") or {}
    return public


def _is_public(pool: Doc) -> bool:
    return str(_public(pool).get("provision", "")).lower() != "nopublicipaddresses"


def _has_v6(pool: Doc) -> bool:
    return any(str(one).lower() == "ipv6" for one in _public(pool).get("ipFamilies") or ())
