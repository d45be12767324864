"""Judges which resource providers are registered, and which node agents lose their support."""

from collections.abc import Collection
from datetime import date, timedelta

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.health.findings import Deployment, Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND

PROVIDERS = (
    "Microsoft.Storage",
    "Microsoft.EventGrid",
    "Microsoft.Batch",
    "Microsoft.Web",
    "Microsoft.ManagedIdentity",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
)
# Announced ends of support, by the start of the node agent's SKU (Azure/Batch issue 200).
RETIREMENTS = (
    ("batch.node.ubuntu 20.04", date(2025, 4, 23)),
    ("batch.node.ubuntu 22.04", date(2027, 6, 30)),
)
_WARNED = timedelta(days=365)


def providers(registered: Collection[str]) -> Finding:
    """Judge whether all resource providers are registered for the subscription."""
    known = {name.lower() for name in registered}
    gone = [name for name in PROVIDERS if name.lower() not in known]
    if not gone:
        return Finding("providers", Level.OK, f"all {len(PROVIDERS)} are registered")
    mend = "; ".join(f"az provider register -n {name}" for name in gone)
    why = "their resources cannot be created"
    return Finding("providers", Level.FAULT, f"not registered: {', '.join(gone)}", why, mend)


def retirement(pool: Pool, today: date, where: Deployment) -> Finding:
    """Judge how long the pool's node agent is supported, by the dated table above."""
    check = f"image of pool {pool.name}"
    for agent, end in RETIREMENTS:
        if pool.image.agent.startswith(agent) and end - today < _WARNED:
            past = end <= today
            return Finding(
                check,
                Level.FAULT if past else Level.NOTE,
                f"the support of {agent} {'ended' if past else 'ends'} on {end}",
                "after that date new nodes do not start",
                f"{where.batch_login}; az batch pool supported-images list; "
                f"{BY_HAND}change `image` in pools/{pool.name}.yaml"
                if where.managed
                else f"{BY_HAND}change `image` in pools/{pool.name}.yaml",
            )
    return Finding(check, Level.OK, f"{pool.image.agent} is supported for another year or more")
