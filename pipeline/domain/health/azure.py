"""Judges which resource providers are registered, and knows the version of Batch's interface."""

from collections.abc import Collection

from pipeline.domain.health.findings import Finding, Level

BATCH_API = "2025-06-01"  # of management, as in infra/: older versions are being retired
PROVIDERS = (
    "Microsoft.Storage",
    "Microsoft.EventGrid",
    "Microsoft.Batch",
    "Microsoft.Web",
    "Microsoft.ManagedIdentity",
    "Microsoft.Insights",
    "Microsoft.OperationalInsights",
)


def providers(registered: Collection[str]) -> Finding:
    """Judge whether all resource providers are registered for the subscription."""
    known = {name.lower() for name in registered}
    gone = [name for name in PROVIDERS if name.lower() not in known]
    if not gone:
        return Finding("providers", Level.OK, f"all {len(PROVIDERS)} are registered")
    mend = "; ".join(f"az provider register -n {name}" for name in gone)
    why = "their resources cannot be created"
    return Finding("providers", Level.FAULT, f"not registered: {', '.join(gone)}", why, mend)
