"""Judges what only Azure's management plane tells: quotas, sizes, providers, roles, retirements."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline.domain.health import Deployment, Finding, Level
from pipeline.domain.pool import Pool

PROVIDERS = (
    "Microsoft.Storage",
    "Microsoft.EventGrid",
    "Microsoft.Batch",
    "Microsoft.Web",
    "Microsoft.ManagedIdentity",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
)
# Announced ends of support, by the beginning of the node agent's SKU (Azure/Batch issue 200).
RETIREMENTS = (
    ("batch.node.ubuntu 20.04", date(2025, 4, 23)),
    ("batch.node.ubuntu 22.04", date(2027, 6, 30)),
)
_WARNED = timedelta(days=365)


@dataclass(frozen=True)
class Size:
    """A VM size that the region offers."""

    family: str
    cores: int


@dataclass(frozen=True)
class Quotas:
    """What the Batch account may use; None where the service does not say."""

    dedicated: int | None
    spot: int | None
    by_family: Mapping[str, int]
    family_enforced: bool
    jobs: int | None
    pools: int | None


def cores(pool: Pool, sizes: Mapping[str, Size], quotas: Quotas, where: Deployment) -> Finding:
    """Judge whether the region has the pool's size, and the account the cores for it."""
    check = f"quota of pool {pool.name}"
    size = sizes.get(pool.size.lower())
    if size is None:
        return Finding(
            check,
            Level.FAULT,
            f"{where.location} does not offer {pool.size} to Batch",
            "the pool never gets a node",
            f"az batch location list-skus -l {where.location}; change `size` in pools/{pool.name}"
            ".yaml; make render; azd up",
        )
    short = list(_short(pool, size, quotas))
    if not short:
        return Finding(check, Level.OK, f"covers {pool.nodes.maximum} nodes of {size.cores} cores")
    none = any(limit < size.cores for _, limit, _ in short)
    said = "; ".join(f"{limit} {kind} cores of {needed}" for kind, limit, needed in short)
    why = "not a single node can start" if none else "the pool stays smaller than its maximum"
    ask = f"az batch account show -n {where.batch} -g {where.group}; ask for quota (portal, Quotas)"
    return Finding(check, Level.FAULT if none else Level.NOTE, said, why, ask)


def _short(pool: Pool, size: Size, quotas: Quotas) -> Iterator[tuple[str, int, int]]:
    # As pipeline/domain/formula.py shares the nodes.
    spot = math.floor(pool.nodes.maximum * pool.nodes.spot_share)
    dedicated = pool.nodes.maximum - spot
    family = quotas.by_family.get(size.family.lower(), 0) if quotas.family_enforced else None
    limits = (
        ("dedicated", quotas.dedicated, dedicated),
        (size.family, family, dedicated),
        ("spot", quotas.spot, spot),
    )
    for kind, limit, nodes in limits:
        needed = nodes * size.cores
        if limit is not None and limit < needed:
            yield kind, limit, needed


def used(kind: str, count: int, limit: int | None, where: Deployment) -> Finding:
    """Judge how much of a limit of the account is used."""
    if limit is None:
        return Finding(kind, Level.OK, f"{count} (no limit told)")
    what = f"{count} of {limit}"
    if count < limit * 0.8:
        return Finding(kind, Level.OK, what)
    why = "at the limit new runs wait"
    ask = f"az batch account show -n {where.batch} -g {where.group}; ask for quota (portal, Quotas)"
    return Finding(kind, Level.FAULT if count >= limit else Level.NOTE, what, why, ask)


def providers(registered: Collection[str]) -> Finding:
    """Judge whether the subscription knows all resource providers."""
    known = {name.lower() for name in registered}
    gone = [name for name in PROVIDERS if name.lower() not in known]
    if not gone:
        return Finding("providers", Level.OK, f"all {len(PROVIDERS)} are registered")
    mend = "; ".join(f"az provider register -n {name}" for name in gone)
    why = "their resources cannot be made"
    return Finding("providers", Level.FAULT, f"not registered: {', '.join(gone)}", why, mend)


def retirement(pool: Pool, today: date, where: Deployment) -> Finding:
    """Judge how long the pool's node agent is supported; the table is dated, not asked for."""
    check = f"image of pool {pool.name}"
    for agent, end in RETIREMENTS:
        if pool.image.agent.startswith(agent) and end - today < _WARNED:
            past = end <= today
            return Finding(
                check,
                Level.FAULT if past else Level.NOTE,
                f"support of {agent} {'ended' if past else 'ends'} {end}",
                "new nodes stop starting after that",
                f"{where.batch_login}; az batch pool supported-images list; "
                f"change `image` in pools/{pool.name}.yaml"
                if where.managed
                else f"change `image` in pools/{pool.name}.yaml",
            )
    return Finding(check, Level.OK, f"no end of {pool.image.agent} is near")
