"""Judges how long Azure supports the image and the VM size of a pool, by announced ends.

The table is as of 30 November 2026. Not in it, because no date was found: the sizes HBv2, HC and
NP, and versions of the Batch API before 2025-06-01 (Azure/Batch issue 140).
"""

import re
from datetime import date, timedelta

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND

# By the start of the node agent's SKU (Azure/Batch issue 200).
AGENTS = (
    ("batch.node.ubuntu 20.04", date(2025, 4, 23)),
    ("batch.node.ubuntu 22.04", date(2027, 6, 30)),
)
# By the size's name behind `Standard_`. Sources, in their order: learn.microsoft.com/azure/
# virtual-machines/… nv-series-retirement, ncv3-nc6s-nc12s-nc24s-retirement,
# d-ds-dv2-dsv2-ls-series-migration-guide; azure.microsoft.com/updates?id=500682.
_NV, _NCV3 = date(2023, 9, 6), date(2025, 9, 30)
_D, _F = date(2028, 5, 1), date(2028, 11, 15)
SERIES = (
    ("NV", r"nv\d+(_promo)?", _NV),
    ("NCv3", r"nc\d+s_v3", _NCV3),
    ("D, Ds, Dv2 or Dsv2", r"ds?\d+(-\d+)?(_v2)?(_promo)?", _D),
    ("Ls", r"l\d+s", _D),
    ("F, Fs or Fsv2", r"f\d+(-\d+)?s?(_v2)?", _F),
    ("Lsv2", r"l\d+s_v2", _F),
    ("G or Gs", r"gs?\d+(-\d+)?", _F),
    ("Av2", r"a\d+m?_v2", _F),
    ("B", r"b\d+[a-z]*", _F),
)
WARNED = timedelta(days=365)


def image(pool: Pool, today: date, where: Deployment) -> Finding:
    """Judge how long the pool's node agent is supported."""
    check = f"image of pool {pool.name}"
    for agent, end in AGENTS:
        if pool.image.agent.startswith(agent) and end - today < WARNED:
            by_hand = f"{BY_HAND}change `image` in pools/{pool.name}.yaml"
            listed = f"{where.batch_login}; az batch pool supported-images list; {by_hand}"
            return _ending(check, agent, end, today, listed if where.managed else by_hand)
    return Finding(check, Level.OK, f"{pool.image.agent} is supported for another year or more")


def size(pool: Pool, today: date, where: Deployment) -> Finding:
    """Judge how long Azure has the pool's VM size."""
    check, name = f"VM size of pool {pool.name}", pool.size.lower().removeprefix("standard_")
    for series, pattern, end in SERIES:
        if re.fullmatch(pattern, name) and end - today < WARNED:
            by_hand = f"{BY_HAND}change `size` in pools/{pool.name}.yaml"
            listed = f"az batch location list-skus -l {where.location}; {by_hand}"
            mend = listed if where.managed else by_hand
            return _ending(check, f"the series {series}", end, today, mend)
    return Finding(check, Level.OK, f"no end within a year is announced for {pool.size}")


def _ending(check: str, what: str, end: date, today: date, mend: str) -> Finding:
    past = end <= today
    return Finding(
        check,
        Level.FAULT if past else Level.NOTE,
        f"the support of {what} {'ended' if past else 'ends'} on {end}",
        "after that date new nodes do not start",
        mend,
    )
