"""How a task may reach the container: a signature or an identity, and where its files go."""

from datetime import UTC, datetime, timedelta

from azure.batch import models
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from tests.emulators.batch.running import Azurite

_PROVIDER = "/subscriptions/0/resourceGroups/g/providers/Microsoft.ManagedIdentity"
IDENTITY = f"{_PROVIDER}/userAssignedIdentities/nodes"


def identity() -> models.BatchNodeIdentityReference:
    return models.BatchNodeIdentityReference(resource_id=IDENTITY.upper())


def sas(azurite: Azurite) -> str:
    return generate_container_sas(
        azurite.account,
        "work",
        account_key=azurite.key,
        permission=ContainerSasPermissions(read=True, write=True, list=True),
        expiry=datetime.now(UTC) + timedelta(hours=1),
    )


def output(
    pattern: str, url: str, path: str, condition: str = "taskcompletion", **more: object
) -> models.OutputFile:
    return models.OutputFile(
        file_pattern=pattern,
        destination=models.OutputFileDestination(
            container=models.OutputFileBlobContainerDestination(
                container_url=url, path=path, **more
            )
        ),
        upload_options=models.OutputFileUploadConfiguration(upload_condition=condition),
    )


def retries(count: int) -> models.BatchTaskConstraints:
    return models.BatchTaskConstraints(max_task_retry_count=count)
