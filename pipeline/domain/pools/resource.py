"""A pool as a resource of the management plane: Batch's create call in ARM's shape.

Only the management plane can give a pool a managed identity, so a deployment creates pools there.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from pipeline.domain.definitions.pool import Pool, pool_body
from pipeline.domain.pools.formula import render_formula

# The deployment puts the id of the nodes' identity here.
NODE_IDENTITY = "{nodeIdentity}"
_AZURE_REGISTRY = ".azurecr.io"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Keys and values that the two planes spell differently.
_KEYS = {"nodeAgentSKUId": "nodeAgentSkuId"}
_VALUES = {
    ("nodeFillType", "pack"): "Pack",
    ("type", "dockerCompatible"): "DockerCompatible",
    ("scope", "pool"): "Pool",
    ("elevationLevel", "nonadmin"): "NonAdmin",
    ("elevationLevel", "admin"): "Admin",
    ("targets", "osdisk"): "OsDisk",
    ("targets", "temporarydisk"): "TemporaryDisk",
}
_SAME = (
    "displayName", "vmSize", "taskSlotsPerNode", "taskSchedulingPolicy", "metadata", "startTask",
)  # fmt: skip


def pool_resources(pools: Mapping[str, Pool]) -> list[dict[str, object]]:
    """Describe all pools, each with the formula of a pool without demand.

    `gpu` says whether the deployment makes it on request only.
    """
    return [
        {
            **pool_resource(pool_body(pool, render_formula(pool, [], _EPOCH)), registries(pool)),
            "gpu": pool.devices > 0,
        }
        for _, pool in sorted(pools.items())
    ]


def registries(pool: Pool) -> list[str]:
    """Name the Azure registries of the pool's images; nodes log in there with their identity."""
    images = pool.containers.images if pool.containers else ()
    servers = {image.split("/")[0] for image in images}
    return sorted(server for server in servers if server.endswith(_AZURE_REGISTRY))


def pool_resource(body: Mapping[str, object], servers: list[str]) -> dict[str, object]:
    """Turn the body of a create call into a resource. Raises ValueError for an unknown key."""
    left = dict(body)
    name, machine = left.pop("id"), left.pop("virtualMachineConfiguration")
    left.pop("enableAutoScale")  # a resource with a formula implies it
    scaling = {
        "formula": left.pop("autoScaleFormula"),
        "evaluationInterval": left.pop("autoScaleEvaluationInterval"),
    }
    same = {key: left.pop(key) for key in _SAME}
    if left:
        raise ValueError(f"A pool's resource has no place for these keys: {', '.join(left)}")
    properties = {
        **same,
        "deploymentConfiguration": {"virtualMachineConfiguration": _with_logins(machine, servers)},
        "scaleSettings": {"autoScale": scaling},
    }
    return {"name": name, "properties": _respelled(properties)}


def _with_logins(machine: object, servers: list[str]) -> object:
    if not servers or not isinstance(machine, dict):
        return machine
    logins = [
        {"registryServer": server, "identityReference": {"resourceId": NODE_IDENTITY}}
        for server in servers
    ]
    containers = {**machine["containerConfiguration"], "containerRegistries": logins}
    return {**machine, "containerConfiguration": containers}


def _respelled(value: object, key: str = "") -> object:
    if isinstance(value, dict):
        return {_KEYS.get(name, name): _respelled(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [_respelled(inner, key) for inner in value]
    return _VALUES.get((key, value), value) if isinstance(value, str) else value
