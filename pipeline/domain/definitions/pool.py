"""A pool as its author wrote it in `pools/*.yaml`, its physical id, and Batch's create call.

A pool in Batch cannot change its size or image. They are part of the physical id, so a changed
file creates a new pool and does not touch a live one.
"""

import re
from datetime import date, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.domain.definitions.images import Memory, full_name
from pipeline.domain.definitions.nodes.security import Security
from pipeline.domain.definitions.nodes.start_task import IDLE, MAX_PACKAGES, package, start_task
from pipeline.domain.definitions.types import (
    FORMAT,
    FileName,
    Format,
    Name,
    OneOrMore,
    Strict,
    matching,
)
from pipeline.domain.runs import naming

MADE_FROM = "fanfare-pool"  # the pool's metadata that names its file
_FEATURES = re.compile(r"(?i:standard_)?[A-Z]+[0-9]+(?:-[0-9]+)?([a-z]*)")
# Batch counts the pull of an image that the node lacks as part of the task's time.
_PULL = timedelta(minutes=30)
# Batch evaluates formulas no more often than this.
EVALUATION_INTERVAL = "PT5M"
_DEBIAN = ("batch.node.ubuntu ", "batch.node.debian ")


Package = Annotated[str, AfterValidator(package), Field(json_schema_extra={"maxLength": 100})]


class Gpu(StrEnum):
    """Which accelerator the nodes have."""

    NONE = "none"
    NVIDIA = "nvidia"


def _no_bare_none(value: object) -> object:
    return "none" if value is None else value


class Image(Strict):
    """A marketplace image and the node agent that fits it."""

    publisher: str = Field(min_length=1, max_length=100)
    offer: str = Field(min_length=1, max_length=100)
    sku: str = Field(min_length=1, max_length=100)
    version: str = Field(default="latest", min_length=1, max_length=100)
    agent: str = Field(min_length=1, max_length=100)


class Nodes(Strict):
    """How many nodes there may be, and which share of them is spot capacity."""

    maximum: int = Field(ge=1, le=5000)
    spot_share: float = Field(default=0.0, ge=0.0, le=1.0)


class Containers(Strict):
    """Container images that every node pulls when it starts."""

    images: Annotated[tuple[str, ...], OneOrMore, Field(min_length=1)]


class Price(Strict):
    """What a node costs, and the source of that figure."""

    per_hour: float = Field(ge=0)
    spot_per_hour: float | None = Field(default=None, ge=0)
    currency: Annotated[
        str, AfterValidator(matching(r"[A-Z]{3}", "a currency code such as USD"))
    ] = "USD"
    source: str
    date: date


class PoolBody(Strict):
    """A pool's file. The name of the pool is the name of the file."""

    fanfare: Format = FORMAT
    description: str = ""
    size: Annotated[
        str, AfterValidator(matching(r"[A-Za-z]\w{2,63}", "a VM size such as Standard_D2s_v5"))
    ]
    image: Image
    slots: int = Field(default=1, ge=1, le=256)
    memory: Memory | None = None
    disk: Memory | None = None
    nodes: Nodes
    gpu: Annotated[Gpu, BeforeValidator(_no_bare_none)] = Gpu.NONE
    gpus: int = Field(default=1, ge=1, le=16)
    containers: Containers | None = None
    security: Security = Security()
    packages: Annotated[tuple[Package, ...], OneOrMore, Field(max_length=MAX_PACKAGES)] = ()
    start: FileName | None = None
    idle_minutes: int = Field(default=10, ge=5, le=60)
    price: Price | None = None

    @model_validator(mode="after")
    def _packages_for_debian(self) -> Self:
        if self.packages and not self.image.agent.startswith(_DEBIAN):
            raise ValueError("packages need an image of Ubuntu or Debian: install them by start")
        return self

    @model_validator(mode="after")
    def _a_gpu_for_each_slot(self) -> Self:
        # Batch does not schedule GPUs: more tasks than devices would wait for each other.
        if self.gpu is Gpu.NONE and "gpus" in self.model_fields_set:
            raise ValueError("gpus is for gpu: nvidia")
        if self.gpu is not Gpu.NONE and self.slots > self.gpus:
            raise ValueError(
                f"slots must be at most {self.gpus}, not {self.slots}: a node has {self.gpus} in "
                "gpus, and takes no more tasks than GPUs"
            )
        return self

    @model_validator(mode="after")
    def _a_machine_that_can_be_secured(self) -> Self:
        driver = self.gpu is not Gpu.NONE
        why = self.security.objection(self.size, self.image.offer, self.image.sku, driver)
        if why:
            raise ValueError(f"security: {why}")
        return self


class Pool(PoolBody):
    """What a user rents: size, image, slots, limits, price; `script` is the text of `start`."""

    name: Name
    script: str = ""

    @property
    def devices(self) -> int:
        """How many GPUs a node has."""
        return 0 if self.gpu is Gpu.NONE else self.gpus

    def share(self, slots: int) -> float:
        """Return the share of a node that a number of task slots takes."""
        return slots / self.slots

    @property
    def architecture(self) -> str:
        """The processors of the nodes, as images name them.

        Sizes with a `p` among their features have Arm processors
        (https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions).
        """
        features = _FEATURES.match(self.size)
        return "arm64" if features and "p" in features[1] else "amd64"

    def pull_time(self, image: str | None) -> timedelta:
        """Return how much longer Batch lets a task run, since its node may have to pull the image.

        Nothing for an image that the nodes of this pool pull before they take tasks.
        """
        pulled = {full_name(name) for name in self.containers.images} if self.containers else set()
        return timedelta() if image is None or full_name(image) in pulled else _PULL

    @property
    def per_hour(self) -> float | None:
        """The estimated price of an hour of a node, weighted by the requested share of spot nodes.

        Azure decides which nodes the pool really gets.
        """
        if self.price is None:
            return None
        full, spot, share = self.price.per_hour, self.price.spot_per_hour, self.nodes.spot_share
        return full if spot is None else full * (1 - share) + spot * share


def physical_id(pool: Pool) -> str:
    """Return the pool's id in Batch: its name and a digest of what cannot be changed."""
    fixed = pool.model_dump(mode="json", include={"size", "image", "slots", "gpu", "containers"})
    # Nodes that are there keep what they have, so these make another pool, too. Without them the id
    # is that of earlier releases.
    if pool.packages:
        fixed["packages"] = sorted(pool.packages)
    if pool.start:
        fixed["start"] = pool.script
    if secured := pool.security.configuration():
        fixed["security"] = secured
    return naming.pool_id(pool.name, fixed)


def left_out(setting: str) -> frozenset[str]:
    """Read `FANFARE_WITHOUT_POOLS`: the names of the pools that a deployment does not make."""
    return frozenset(name for part in setting.split(",") if (name := part.strip()))


def pool_body(pool: Pool, formula: str) -> dict[str, object]:
    """Describe the pool in the shape that Batch's create call expects."""
    return {
        "id": physical_id(pool),
        "displayName": pool.name,
        "vmSize": pool.size,
        "virtualMachineConfiguration": _machine(pool),
        "taskSlotsPerNode": pool.slots,
        # Filling nodes one by one leaves other nodes empty, so that Batch can remove them.
        "taskSchedulingPolicy": {"nodeFillType": "pack"},
        "enableAutoScale": True,
        "autoScaleFormula": formula,
        "autoScaleEvaluationInterval": EVALUATION_INTERVAL,
        "metadata": [{"name": MADE_FROM, "value": pool.name}],
        "startTask": start_task(sorted(pool.packages), pool.start, pool.script),
    }


def local_body(pool: Pool, formula: str) -> dict[str, object]:
    """Describe the pool for the local stack, whose nodes are this machine: they install nothing."""
    return {**pool_body(pool, formula), "startTask": IDLE}


def _machine(pool: Pool) -> dict[str, object]:
    image = pool.image
    machine: dict[str, object] = {
        "imageReference": {
            "publisher": image.publisher,
            "offer": image.offer,
            "sku": image.sku,
            "version": image.version,
        },
        "nodeAgentSKUId": image.agent,
        **pool.security.configuration(),
    }
    if pool.containers:
        machine["containerConfiguration"] = {
            "type": "dockerCompatible",
            "containerImageNames": list(pool.containers.images),
        }
    if pool.gpu is Gpu.NVIDIA and not image.publisher.startswith("microsoft-"):
        # The Microsoft HPC and container images bring the driver; plain ones get it here.
        machine["extensions"] = [
            {
                "name": "nvidia-driver",
                "publisher": "Microsoft.HpcCompute",
                "type": "NvidiaGpuDriverLinux",
                "typeHandlerVersion": "1.9",
                "autoUpgradeMinorVersion": True,
            }
        ]
    return machine
