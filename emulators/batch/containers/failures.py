"""The failures of containers, in the words and with the details that users of Azure report."""

from emulators.batch.scheduler.verdict import Failure


def invalid_image(image: str, reason: str) -> Failure:
    """Return the failure of an image that cannot be had."""
    return Failure(
        "ContainerInvalidImage",
        "One or more container images specified are invalid",
        details={"ContainerImage": image, "Message": reason},
    )


def invalid_registry(server: str, reason: str) -> Failure:
    """Return the failure of a registry that does not open."""
    return Failure(
        "ContainerInvalidRegistry",
        "One or more container registries specified are invalid",
        details={"ContainerRegistry": server, "Message": reason},
    )


def invalid_settings(settings: str, reason: str) -> Failure:
    """Return the failure of settings that the agent refuses before it creates a container."""
    return Failure(
        "ContainerInvalidSettings",
        "At least one value of specified task container settings is invalid",
        details={"ContainerSettings": settings, "Message": reason},
    )


def failed(reason: str) -> Failure:
    """Return the failure of a container that could not be created or started."""
    return Failure(
        "ContainerMiscError",
        "The container could not be run",
        details={"Message": reason},
    )
