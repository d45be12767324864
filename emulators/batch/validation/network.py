"""Checks the endpoints of a pool, also against one another."""

import re
from itertools import pairwise

from emulators.batch.document import Doc
from emulators.batch.errors import invalid

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,75}[A-Za-z0-9_])?")
_RESERVED = range(50_000, 55_001)
_LEAST_PORTS = 40
_MOST_RULES = 25


def endpoint(body: Doc) -> None:
    """Check one inbound NAT pool: its name and its outer ports."""
    if not _NAME.fullmatch(body["name"]):
        reason = (
            "Names have up to 77 letters, digits, '_', '.' and '-', begin with a letter or digit "
            "and end with one of these or '_'."
        )
        raise invalid("name", body["name"], reason)
    first, last = body["frontendPortRangeStart"], body["frontendPortRangeEnd"]
    if first <= _RESERVED[-1] and last >= _RESERVED[0]:
        reason = f"Ports {_RESERVED[0]} to {_RESERVED[-1]} are reserved."
        raise invalid("frontendPortRangeStart", first, reason)
    if last - first + 1 < _LEAST_PORTS:
        reason = f"A range has at least {_LEAST_PORTS} ports."
        raise invalid("frontendPortRangeEnd", last, reason)


def endpoints(body: Doc) -> None:
    """Refuse inbound NAT pools that share a name, a port or the priority of a rule."""
    pools: list[Doc] = body["inboundNATPools"]
    rules = [rule for one in pools for rule in one.get("networkSecurityGroupRules") or ()]
    _differ("name", [one["name"].lower() for one in pools])
    _differ("backendPort", [one["backendPort"] for one in pools])
    _differ("priority", [rule["priority"] for rule in rules])
    if len(rules) > _MOST_RULES:
        reason = f"A pool has at most {_MOST_RULES} rules."
        raise invalid("networkSecurityGroupRules", len(rules), reason)
    spans = sorted((one["frontendPortRangeStart"], one["frontendPortRangeEnd"]) for one in pools)
    for before, after in pairwise(spans):
        if after[0] <= before[1]:
            raise invalid("frontendPortRangeStart", after[0], "Ranges must not overlap.")


def _differ(name: str, values: list[object]) -> None:
    for index, value in enumerate(values):
        if value in values[:index]:
            raise invalid(name, value, "The value must be unique within the pool.")
