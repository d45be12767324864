"""Judges the quotas of the Batch account: how much is used, and how much its pools may need."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND

_DEDICATED, _SPOT = "dedicated", "spot"


@dataclass(frozen=True)
class Size:
    """A VM size that the region offers."""

    family: str
    cores: int


@dataclass(frozen=True)
class Quotas:
    """The quotas of the Batch account; None where the service names no limit."""

    dedicated: int | None
    spot: int | None
    by_family: Mapping[str, int]
    family_enforced: bool
    jobs: int | None
    pools: int | None

    def limit(self, kind: str) -> int | None:
        """Return the limit of cores of a kind: dedicated, spot, or those of a family."""
        if kind in (_DEDICATED, _SPOT):
            return self.dedicated if kind == _DEDICATED else self.spot
        return self.by_family.get(kind.lower(), 0) if self.family_enforced else None


@dataclass(frozen=True)
class Machines:
    """The nodes that a pool of the account has now, whoever owns it.

    `made_from` is the definition that a deployment of Fanfare made it from, or "".
    """

    pool: str
    size: str
    dedicated: int
    spot: int
    made_from: str = ""
    autoscales: bool = True


def cores(
    pool: Pool,
    sizes: Mapping[str, Size],
    quotas: Quotas,
    others: Iterable[Machines],
    where: Deployment,
) -> Finding:
    """Judge whether the region has the pool's size, and the account enough cores for it.

    Cores that other pools use now count as taken.
    """
    check = f"quota of pool {pool.name}"
    size = sizes.get(pool.size.lower())
    if size is None:
        return Finding(
            check,
            Level.FAULT,
            f"{where.location} does not offer {pool.size} to Batch",
            "the pool never gets a node",
            f"az batch location list-skus -l {where.location}; {BY_HAND}change `size` in "
            f"pools/{pool.name}.yaml, then make render, then azd up",
        )
    taken = _taken(others, sizes)
    wanted = _wanted(pool, size)
    short = [kind for kind in wanted if not _fits(wanted[kind] + taken[kind], quotas.limit(kind))]
    if not short:
        return Finding(
            check, Level.OK, f"it covers {pool.nodes.maximum} nodes of {size.cores} cores"
        )
    none = any(not _fits(size.cores, quotas.limit(kind)) for kind in short)
    said = "; ".join(_said(kind, quotas.limit(kind), taken[kind], wanted[kind]) for kind in short)
    why = "no node can start" if none else "the pool stays smaller than its maximum"
    return Finding(check, Level.FAULT if none else Level.NOTE, said, why, _ask(where))


def core_use(
    sizes: Mapping[str, Size], quotas: Quotas, machines: Collection[Machines], ours: Iterable[Pool]
) -> list[Finding]:
    """Report how many cores are used, by family where the account limits families.

    A limit that is used up is not a fault: pools grow until then.
    """
    taken = _taken(machines, sizes)
    families = {size.family for pool in ours if (size := sizes.get(pool.size.lower()))}
    kinds = [_DEDICATED, _SPOT, *sorted(families | (set(taken) - {_DEDICATED, _SPOT}))]
    found = [
        Finding(f"cores: {kind}", Level.OK, f"{taken[kind]} of {limit} are used")
        for kind in kinds
        if (limit := quotas.limit(kind)) is not None
    ]
    unknown = [one for one in machines if one.size.lower() not in sizes]
    if nodes := sum(one.dedicated + one.spot for one in unknown):
        what = f"not counted: {nodes} nodes of {', '.join(sorted({m.size for m in unknown}))}"
        found.append(Finding("cores", Level.OK, f"{what}, sizes that the region does not offer"))
    return found


def used(kind: str, count: int, limit: int | None, where: Deployment) -> Finding:
    """Judge how much of a limit of the account is used."""
    if limit is None:
        return Finding(kind, Level.OK, f"{count} (the service names no limit)")
    what = f"{count} of {limit}"
    if count < limit * 0.8:
        return Finding(kind, Level.OK, what)
    why = "at the limit, new runs wait"
    return Finding(kind, Level.FAULT if count >= limit else Level.NOTE, what, why, _ask(where))


def _taken(machines: Iterable[Machines], sizes: Mapping[str, Size]) -> Counter[str]:
    """Count cores by kind; limits of families apply to dedicated cores only."""
    taken: Counter[str] = Counter()
    for one in machines:
        if size := sizes.get(one.size.lower()):
            taken[_DEDICATED] += one.dedicated * size.cores
            taken[size.family] += one.dedicated * size.cores
            taken[_SPOT] += one.spot * size.cores
    return taken


def _wanted(pool: Pool, size: Size) -> dict[str, int]:
    # As pipeline/domain/pools/formula.py shares the nodes.
    spot = math.floor(pool.nodes.maximum * pool.nodes.spot_share)
    dedicated = (pool.nodes.maximum - spot) * size.cores
    kinds = {_DEDICATED: dedicated, size.family: dedicated, _SPOT: spot * size.cores}
    return {kind: wanted for kind, wanted in kinds.items() if wanted}


def _fits(wanted: int, limit: int | None) -> bool:
    return limit is None or wanted <= limit


def _said(kind: str, limit: int | None, taken: int, wanted: int) -> str:
    if not taken:
        return f"needs {wanted} {kind} cores, the quota is {limit}"
    return f"needs {wanted} {kind} cores, other pools have {taken}, the quota is {limit}"


def _ask(where: Deployment) -> str:
    return (
        f"az batch account show -n {where.batch} -g {where.group}; "
        f"{BY_HAND}ask for quota in the portal (Quotas)"
    )
