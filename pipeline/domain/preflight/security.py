"""Judges whether the VM size of a pool can be secured as its file says.

Sizes tell by the capabilities that Azure's Compute gives them. Batch passes on some of them, so a
capability that is not told is unknown: https://learn.microsoft.com/azure/batch/disk-encryption says
what Batch makes of each.
"""

import re
from collections.abc import Iterator, Mapping

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.preflight.findings import Found, Intent, State, rows, text
from pipeline.domain.preflight.machines import capabilities
from pipeline.domain.waiting.remedies import BY_HAND

type Doubt = tuple[State, str]

_AT_HOST, _GENERATIONS = "EncryptionAtHostSupported", "HyperVGenerations"
# Azure Disk Encryption, which Batch takes where there is no encryption at host, knows no such size.
_RECENT = re.compile(r".*_v(?:[6-9]|\d{2,})", re.IGNORECASE)


def security(intent: Intent, listed: object) -> list[Found]:
    """Judge the size of each pool that asks for trusted launch or encryption."""
    there = {text(one, "name").lower(): one for one in rows(listed)}
    return [
        _judged(pool, capabilities(there[pool.size.lower()]), intent)
        for pool in intent.pools
        if pool.security.configuration() and pool.size.lower() in there
    ]


def _judged(pool: Pool, told: Mapping[str, str], intent: Intent) -> Found:
    check = f"security of pool {pool.name}"
    doubts = sorted(
        (*_launch(pool, told), *_encryption(pool, told)), key=lambda doubt: _WORST.index(doubt[0])
    )
    if not doubts:
        return Found(check, State.OK, f"{pool.size} can be secured as the pool's file says")
    fix = (
        f"az vm list-skus -l {intent.location} --size {pool.size} "
        f"--subscription {intent.subscription}; "
        f"{BY_HAND}change `size` or `security` in pools/{pool.name}.yaml"
    )
    return Found(check, doubts[0][0], "; ".join(said for _, said in doubts), fix)


_WORST = (State.REFUSES, State.WARNS, State.UNKNOWN)


def _launch(pool: Pool, told: Mapping[str, str]) -> Iterator[Doubt]:
    if not pool.security.trusted_launch:
        return
    if _GENERATIONS not in told:
        yield State.UNKNOWN, f"Batch does not tell whether {pool.size} has trusted launch"
    elif "V2" not in told[_GENERATIONS] or told.get("TrustedLaunchDisabled") == "True":
        yield State.REFUSES, f"{pool.size} has no trusted launch"


def _encryption(pool: Pool, told: Mapping[str, str]) -> Iterator[Doubt]:
    asked = pool.security
    if not (asked.encryption_at_host or asked.disk_encryption):
        return
    if _AT_HOST not in told:
        yield State.UNKNOWN, f"Batch does not tell whether {pool.size} has encryption at host"
    elif told[_AT_HOST] == "True":
        return
    elif asked.encryption_at_host or _RECENT.fullmatch(pool.size):
        yield State.REFUSES, f"{pool.size} has no encryption at host"
    else:
        said = f"{pool.size} has no encryption at host, and what Batch uses instead ends on"
        yield State.WARNS, f"{said} 2028-09-15"
