"""Checks which properties need, exclude or limit one another, model by model."""

from collections.abc import Callable, Mapping

from emulators.batch.document import Doc, parse_stamp
from emulators.batch.errors import BatchError, invalid, missing
from emulators.batch.validation.network import endpoint, endpoints

# A rule gets a whole object whose properties are each right and not null, and raises.
type Rule = Callable[[Doc], None]

_IMAGE_IDS = ("virtualMachineImageId", "sharedGalleryImageId", "communityGalleryImageId")


def exactly_one(*names: str) -> Rule:
    """Demand exactly one of some properties."""

    def check(body: Doc) -> None:
        present = [name for name in names if name in body]
        if not present:
            raise missing(names[0])
        if len(present) > 1:
            reason = f"Exactly one of {', '.join(names)} has to be specified."
            raise invalid(present[1], body[present[1]], reason)

    return check


def at_least_one(*names: str) -> Rule:
    """Demand at least one of some properties."""

    def check(body: Doc) -> None:
        if not any(name in body for name in names):
            raise missing(names[0])

    return check


def with_companion(name: str, other: str) -> Rule:
    """Demand a second property wherever the first is present."""

    def check(body: Doc) -> None:
        if name in body and other not in body:
            raise missing(other)

    return check


def in_order(first: str, last: str) -> Rule:
    """Demand that a range does not end before it begins."""

    def check(body: Doc) -> None:
        if first in body and last in body and body[last] < body[first]:
            raise invalid(last, body[last], f"The value must not be less than {first}.")

    return check


def size_of_pool(body: Doc) -> None:
    """Let a pool have targets or a formula, but not both."""
    scales = bool(body.get("enableAutoScale"))
    unfit = (
        ("targetDedicatedNodes", "targetLowPriorityNodes", "resizeTimeout")
        if scales
        else ("autoScaleFormula", "autoScaleEvaluationInterval")
    )
    for name in unfit:
        if name in body:
            word = "not be specified" if scales else "only be specified"
            raise invalid(name, body[name], f"The value must {word} when enableAutoScale is true.")
    if scales and not body.get("autoScaleFormula"):
        raise BatchError("InvalidAutoScalingSettings", "enableAutoScale needs a formula.")


def image(body: Doc) -> None:
    """Name an image by one id, or by publisher, offer and sku."""
    ids = [name for name in _IMAGE_IDS if name in body]
    market = [name for name in ("publisher", "offer", "sku") if name in body]
    if len(ids) > 1 or (ids and market):
        raise invalid(ids[0], body[ids[0]], "The ways to name an image exclude one another.")
    for name in () if ids else ("publisher", "offer", "sku"):
        if name not in body:
            raise missing(name)


def one_slot_when_shared(body: Doc) -> None:
    """Let a multi-instance task take one slot a node."""
    if "multiInstanceSettings" in body and body.get("requiredSlots", 1) != 1:
        raise invalid("requiredSlots", body["requiredSlots"], "Multi-instance tasks take one slot.")


def span_of_schedule(body: Doc) -> None:
    """Let a schedule end after it begins."""
    begin, end = body.get("doNotRunUntil"), body.get("doNotRunAfter")
    if begin and end and parse_stamp(end) <= parse_stamp(begin):
        raise invalid("doNotRunAfter", end, "The value must be later than doNotRunUntil.")


def packages(body: Doc) -> None:
    """Refuse two references to one application package."""
    seen = set()
    for one in body.get("applicationPackageReferences", ()):
        key = (str(one.get("applicationId")).lower(), one.get("version"))
        if key in seen:
            reason = "The same package is referenced twice."
            raise invalid("applicationPackageReferences", one.get("applicationId"), reason)
        seen.add(key)


def auto_pool(body: Doc) -> None:
    """Demand the pool of an auto pool for a new job; an update need not repeat it."""
    wanted = (body.get("poolInfo") or {}).get("autoPoolSpecification")
    if wanted is not None and "pool" not in wanted:
        raise missing("pool")


def own_tasks(body: Doc) -> None:
    """Demand three different ids for manager, preparation and release, because each has its own
    directory."""
    ids = {
        name: str((body.get(f"job{name}Task") or {}).get("id", default)).lower()
        for name, default in (("Preparation", "jobpreparation"), ("Release", "jobrelease"))
        if f"job{name}Task" in body
    }
    manager = str((body.get("jobManagerTask") or {}).get("id", "")).lower()
    for name, task_id in ids.items():
        if task_id == manager:
            raise BatchError(f"TaskIdSameAsJob{name}Task")
    if len(set(ids.values())) < len(ids):
        raise BatchError("TaskIdSameAsJobPreparationTask")


def prefix_of_container(body: Doc) -> None:
    """Allow a prefix only for the blobs of a container."""
    if "blobPrefix" in body and "httpUrl" in body:
        raise invalid("blobPrefix", body["blobPrefix"], "A single file has no prefix.")


def command_line(body: Doc) -> None:
    """Let only a container have an empty command line: it runs what its image says."""
    if "containerSettings" in body:
        return
    coordination = (body.get("multiInstanceSettings") or {}).get("coordinationCommandLine", " x")
    for name, value in (
        ("commandLine", body["commandLine"]),
        ("coordinationCommandLine", coordination),
    ):
        if not value.strip():
            raise invalid(name, value, "The value must not be empty.")


def bind_mounts(body: Doc) -> None:
    """Mount each path once, and the task's own where the container works in it."""
    if "containerHostBatchBindMounts" not in body:
        return
    sources = [str(entry.get("source")).lower() for entry in body["containerHostBatchBindMounts"]]
    for number, source in enumerate(sources):
        if source in sources[:number]:
            reason = "The same source is mounted twice."
            raise invalid("containerHostBatchBindMounts", source, reason)
    where = str(body.get("workingDirectory", "taskWorkingDirectory"))
    if "task" not in sources and where.lower() == "taskworkingdirectory":
        reason = "Without the source Task the value has to be containerImageDefault."
        raise invalid("workingDirectory", where, reason)


_RELEASE = with_companion("jobReleaseTask", "jobPreparationTask")

RULES: Mapping[str, tuple[Rule, ...]] = {
    "BatchPoolCreateOptions": (
        at_least_one("virtualMachineConfiguration"),
        size_of_pool,
        packages,
    ),
    "BatchPoolSpecification": (
        at_least_one("virtualMachineConfiguration"),
        size_of_pool,
        packages,
    ),
    "BatchPoolResizeOptions": (at_least_one("targetDedicatedNodes", "targetLowPriorityNodes"),),
    "BatchVmImageReference": (image,),
    "BatchPoolInfo": (exactly_one("poolId", "autoPoolSpecification"),),
    "BatchJobCreateOptions": (_RELEASE, auto_pool, own_tasks),
    "BatchJobSpecification": (_RELEASE, auto_pool, own_tasks),
    "BatchJobScheduleConfiguration": (span_of_schedule,),
    "BatchTaskCreateOptions": (command_line, one_slot_when_shared, packages),
    "BatchJobManagerTask": (command_line,),
    "BatchJobPreparationTask": (command_line,),
    "BatchJobReleaseTask": (command_line,),
    "BatchStartTask": (command_line,),
    "BatchTaskContainerSettings": (bind_mounts,),
    "BatchTaskIdRange": (in_order("start", "end"),),
    "ExitCodeRangeMapping": (in_order("start", "end"),),
    "BatchInboundNatPool": (
        in_order("frontendPortRangeStart", "frontendPortRangeEnd"),
        endpoint,
    ),
    "BatchPoolEndpointConfiguration": (endpoints,),
    "ResourceFile": (
        exactly_one("httpUrl", "storageContainerUrl", "autoStorageContainerName"),
        with_companion("httpUrl", "filePath"),
        prefix_of_container,
    ),
    "OutputFileDestination": (at_least_one("container"),),
    "UserIdentity": (exactly_one("autoUser", "username"),),
    "LinuxUserConfiguration": (with_companion("uid", "gid"), with_companion("gid", "uid")),
    "MountConfiguration": (
        exactly_one(
            "azureBlobFileSystemConfiguration",
            "nfsMountConfiguration",
            "cifsMountConfiguration",
            "azureFileShareConfiguration",
        ),
    ),
    "AzureBlobFileSystemConfiguration": (exactly_one("accountKey", "sasKey", "identityReference"),),
}
