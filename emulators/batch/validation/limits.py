"""Limits of size, length and spelling for single properties, which the models do not contain.

A key is `Model.property` or, for every model with that property, `property`. A limit that no
document gives is left out: each limit here is the service's own.
"""

import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from emulators.batch.errors import BatchError, invalid
from emulators.batch.validation.leaves import length_of

# A limit gets the property's name and a value of the right type, and raises.
type Limit = Callable[[str, Any], None]

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_FORMULA = 8192
_DEPENDENCIES = 64_000
# A guess: the service has a limit, but no source tells it.
_RANGES = 1000


def between(least: int, most: int) -> Limit:
    """Bound a number on both sides."""

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if not least <= value <= most:
            raise invalid(name, value, f"The value must be between {least} and {most}.")

    return check


def at_least(least: int) -> Limit:
    """Bound a number from below."""

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if value < least:
            raise invalid(name, value, f"The value must not be less than {least}.")

    return check


def characters(least: int, most: int) -> Limit:
    """Bound the length of a text."""

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if not least <= len(value) <= most:
            raise invalid(name, value, f"The value must have {least} to {most} characters.")

    return check


def given(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Refuse an empty text."""
    if not value.strip():
        raise invalid(name, value, "The value must not be empty.")


def entries(least: int, most: int) -> Limit:
    """Bound the length of a list."""

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if not least <= len(value) <= most:
            raise invalid(name, len(value), f"The list must have {least} to {most} entries.")

    return check


def lasting(least: timedelta, most: timedelta = timedelta.max) -> Limit:
    """Bound a duration."""

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if not least <= length_of(name, value) <= most:
            raise invalid(name, value, f"The value must be between {least} and {most}.")

    return check


def identifier(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Accept an id: letters, digits, hyphens and underscores."""
    if not _ID.fullmatch(value):
        reason = "Ids are 1 to 64 of letters, digits, hyphens and underscores."
        raise invalid(name, value, reason)


def formula(_: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Bound a formula's length."""
    if len(value) > _FORMULA:
        raise BatchError("AutoScalingFormulaTooLong")


def dependency_list(_: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Bound the characters of all ids in a list together."""
    if sum(map(len, value)) > _DEPENDENCIES:
        raise BatchError("TaskDependencyListTooLong")


def dependency_ranges(_: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Limit the number of ranges in a list; their length does not matter."""
    if len(value) > _RANGES:
        raise BatchError("TaskDependencyRangesTooLong")


def unlimited_or_positive(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Accept -1 or a positive number."""
    if value < 1 and value != -1:
        raise invalid(name, value, "The value must be -1 or greater than 0.")


def port(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
    """Accept a port that the service does not reserve."""
    if not 1 <= value <= 65_535 or value in (29_876, 29_877):  # noqa: PLR2004 - the service's own
        raise invalid(name, value, "The value must be a port that is not reserved.")


def resource_id(*kinds: str) -> Limit:
    """Accept the ARM id of a resource of some kinds, each inside certain other kinds."""
    shapes = "|".join(
        "/".join(f"{re.escape(part)}/[^/]+" for part in kind.split("/")) for kind in kinds
    )
    shape = re.compile(
        rf"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/(?:{shapes})/?", re.IGNORECASE
    )

    def check(name: str, value: Any) -> None:  # noqa: ANN401 - JSON
        if not shape.fullmatch(value):
            raise invalid(name, value, f"The value has to be the resource id of {kinds[0]}.")

    return check


_MINUTE, _FIVE_MINUTES = timedelta(minutes=1), timedelta(minutes=5)
_RESIZE, _PRIORITY, _PERCENT = lasting(_FIVE_MINUTES), between(-1000, 1000), between(5, 100)

LIMITS: Mapping[str, Limit] = {
    "BatchPoolCreateOptions.id": identifier,
    "BatchJobCreateOptions.id": identifier,
    "BatchJobScheduleCreateOptions.id": identifier,
    "BatchTaskCreateOptions.id": identifier,
    "BatchJobManagerTask.id": identifier,
    "BatchJobPreparationTask.id": identifier,
    "BatchJobReleaseTask.id": identifier,
    "BatchPoolInfo.poolId": identifier,
    "autoPoolIdPrefix": characters(0, 20),
    "displayName": characters(0, 1024),
    "vmSize": given,
    "imageName": given,
    "filePattern": given,
    "containerUrl": given,
    "nodeAgentSKUId": given,
    "EnvironmentSetting.name": given,
    "BatchMetadataItem.name": given,
    "BatchApplicationPackageReference.applicationId": given,
    "UserAccount.name": characters(1, 20),
    "BatchNodeUserCreateOptions.name": characters(1, 20),
    "BatchJobCreateOptions.priority": _PRIORITY,
    "BatchJobUpdateOptions.priority": _PRIORITY,
    "BatchJobSpecification.priority": _PRIORITY,
    "BatchJob.priority": _PRIORITY,
    "NetworkSecurityGroupRule.priority": between(150, 4096),
    "maxParallelTasks": unlimited_or_positive,
    "maxTaskRetryCount": at_least(-1),
    "taskSlotsPerNode": between(1, 256),
    "requiredSlots": between(1, 256),
    "targetDedicatedNodes": at_least(0),
    "targetLowPriorityNodes": at_least(0),
    "numberOfInstances": at_least(1),
    "resizeTimeout": _RESIZE,
    "autoScaleFormula": formula,
    "autoScaleEvaluationInterval": lasting(_FIVE_MINUTES, timedelta(hours=168)),
    "recurrenceInterval": lasting(_MINUTE),
    "startWindow": lasting(_MINUTE),
    "BatchJobReleaseTask.maxWallClockTime": lasting(timedelta(), timedelta(minutes=15)),
    "nodeList": entries(1, 100),
    "BatchTaskGroup.value": entries(1, 100),
    "applicationPackageReferences": entries(0, 10),
    "BatchTaskDependencies.taskIds": dependency_list,
    "BatchTaskDependencies.taskIdRanges": dependency_ranges,
    "subnetId": resource_id("virtualNetworks/subnets"),
    "virtualMachineImageId": resource_id("galleries/images/versions", "galleries/images", "images"),
    "inboundNATPools": entries(0, 5),
    "lun": between(0, 63),
    "diskSizeGB": at_least(1),
    "backendPort": port,
    "frontendPortRangeStart": between(1, 65_534),
    "frontendPortRangeEnd": between(1, 65_534),
    "maxBatchInstancePercent": _PERCENT,
    "maxUnhealthyInstancePercent": _PERCENT,
    "maxUnhealthyUpgradedInstancePercent": between(0, 100),
}


def limit_of(model: str, name: str) -> Limit | None:
    """Return the limit of a property, or None."""
    return LIMITS.get(f"{model}.{name}") or LIMITS.get(name)
