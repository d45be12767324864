"""The engine's jobs and tasks as the SDK's models."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from azure.batch.models import (
    AutoUserScope,
    AutoUserSpecification,
    BatchAllTasksCompleteMode,
    BatchJobConstraints,
    BatchJobCreateOptions,
    BatchJobPreparationTask,
    BatchJobReleaseTask,
    BatchMetadataItem,
    BatchNodeIdentityReference,
    BatchPoolInfo,
    BatchTaskConstraints,
    BatchTaskContainerSettings,
    BatchTaskCreateOptions,
    ContainerHostBatchBindMountEntry,
    ContainerRegistryReference,
    ElevationLevel,
    EnvironmentSetting,
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    OutputFileUploadConfiguration,
    ResourceFile,
    UserIdentity,
)

from pipeline.adapters.identity.signatures import Signatures
from pipeline.ports.batch import Container, InputFile, JobSpec, TaskSpec, Upload

METADATA = "fanfare"
_AZURE_REGISTRY = ".azurecr.io"
_RETENTION = timedelta(days=1)


class Specs:
    """Builds models; each URL is signed for what its task may do there.

    `node_identity` is that with which nodes log in at Azure's registries; "" on a local stack,
    whose engine has its own logins.
    """

    def __init__(self, signatures: Signatures, node_identity: str = "") -> None:
        self._signatures, self._node_identity = signatures, node_identity

    def job(self, spec: JobSpec) -> BatchJobCreateOptions:
        """Return the job, marked as the engine's; it stays open when all its tasks are complete."""
        return BatchJobCreateOptions(
            id=spec.id,
            pool_info=BatchPoolInfo(pool_id=spec.pool),
            priority=spec.priority,
            constraints=BatchJobConstraints(max_wall_clock_time=spec.limit),
            all_tasks_complete_mode=BatchAllTasksCompleteMode.NO_ACTION,
            metadata=[BatchMetadataItem(name=METADATA, value=spec.run)],
            job_preparation_task=BatchJobPreparationTask(
                command_line=spec.preparation,
                resource_files=self._inputs(spec.preparation_inputs, spec.access_until, "0750"),
                user_identity=_user(AutoUserScope.POOL),
                wait_for_success=True,
            )
            if spec.preparation
            else None,
            job_release_task=BatchJobReleaseTask(
                command_line=spec.release, user_identity=_user(AutoUserScope.POOL)
            )
            if spec.release
            else None,
        )

    def task(self, spec: TaskSpec) -> BatchTaskCreateOptions:
        """Return the task."""
        return BatchTaskCreateOptions(
            id=spec.id,
            command_line=spec.command,
            resource_files=self._inputs(spec.inputs, spec.access_until, "0700"),
            output_files=[self._output(upload, spec.access_until) for upload in spec.uploads],
            environment_settings=[
                EnvironmentSetting(name=name, value=value)
                for name, value in spec.environment.items()
            ],
            constraints=BatchTaskConstraints(
                max_wall_clock_time=spec.limit,
                max_task_retry_count=spec.retries,
                retention_time=_RETENTION,
            ),
            required_slots=spec.slots,
            user_identity=_user(AutoUserScope.TASK),
            container_settings=self._container(spec.container) if spec.container else None,
        )

    def _container(self, container: Container) -> BatchTaskContainerSettings:
        server = container.image.partition("/")[0]
        identity = BatchNodeIdentityReference(resource_id=self._node_identity)
        known = self._node_identity and server.endswith(_AZURE_REGISTRY)
        return BatchTaskContainerSettings(
            image_name=container.image,
            container_run_options=" ".join(container.options),
            container_host_batch_bind_mounts=[
                ContainerHostBatchBindMountEntry(source=mount.source, is_read_only=mount.read_only)
                for mount in container.mounts
            ],
            registry=ContainerRegistryReference(registry_server=server, identity_reference=identity)
            if known
            else None,
        )

    def _inputs(self, files: Iterable[InputFile], until: datetime, mode: str) -> list[ResourceFile]:
        return [
            ResourceFile(
                http_url=self._signatures.reading(file.url, until),
                file_path=file.path,
                file_mode=mode,
            )
            for file in files
        ]

    def _output(self, upload: Upload, until: datetime) -> OutputFile:
        return OutputFile(
            file_pattern=upload.pattern,
            destination=OutputFileDestination(
                container=OutputFileBlobContainerDestination(
                    container_url=self._signatures.creating_in(upload.container, until),
                    path=upload.folder,
                )
            ),
            upload_options=OutputFileUploadConfiguration(upload_condition=upload.condition),
        )


def _user(scope: AutoUserScope) -> UserIdentity:
    # Preparation has a user of the pool, whose files tasks read; each task has one of its own.
    return UserIdentity(
        auto_user=AutoUserSpecification(scope=scope, elevation_level=ElevationLevel.NON_ADMIN)
    )
