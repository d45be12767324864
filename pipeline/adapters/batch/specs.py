"""The engine's jobs and tasks as the SDK's models."""

from collections.abc import Iterable
from datetime import timedelta

from azure.batch.models import (
    AutoUserScope,
    AutoUserSpecification,
    BatchAllTasksCompleteMode,
    BatchJobConstraints,
    BatchJobCreateOptions,
    BatchJobPreparationTask,
    BatchMetadataItem,
    BatchNodeIdentityReference,
    BatchPoolInfo,
    BatchTaskConstraints,
    BatchTaskCreateOptions,
    ElevationLevel,
    EnvironmentSetting,
    OutputFile,
    OutputFileBlobContainerDestination,
    OutputFileDestination,
    OutputFileUploadConfiguration,
    ResourceFile,
    UserIdentity,
)

from pipeline.ports.batch import InputFile, JobSpec, TaskSpec, Upload

METADATA = "fanfare"
_RETENTION = timedelta(days=1)


class Specs:
    """Builds models; nodes reach blobs as `node_identity`, so URLs need no signature."""

    def __init__(self, blob_endpoint: str, node_identity: str) -> None:
        self._blob_endpoint = blob_endpoint
        self._identity = BatchNodeIdentityReference(resource_id=node_identity)

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
                resource_files=self._inputs(spec.preparation_inputs),
                user_identity=_user(),
                wait_for_success=True,
            )
            if spec.preparation
            else None,
        )

    def task(self, spec: TaskSpec) -> BatchTaskCreateOptions:
        """Return the task."""
        return BatchTaskCreateOptions(
            id=spec.id,
            command_line=spec.command,
            resource_files=self._inputs(spec.inputs),
            output_files=[self._output(upload) for upload in spec.uploads],
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
            user_identity=_user(),
        )

    def _inputs(self, files: Iterable[InputFile]) -> list[ResourceFile]:
        return [
            ResourceFile(http_url=f.url, file_path=f.path, identity_reference=self._identity)
            for f in files
        ]

    def _output(self, upload: Upload) -> OutputFile:
        return OutputFile(
            file_pattern=upload.pattern,
            destination=OutputFileDestination(
                container=OutputFileBlobContainerDestination(
                    container_url=f"{self._blob_endpoint}/{upload.container}",
                    path=upload.folder,
                    identity_reference=self._identity,
                )
            ),
            upload_options=OutputFileUploadConfiguration(upload_condition=upload.condition),
        )


def _user() -> UserIdentity:
    # A user of the pool, not of the task: all tasks use the environment that preparation installed.
    return UserIdentity(
        auto_user=AutoUserSpecification(
            scope=AutoUserScope.POOL, elevation_level=ElevationLevel.NON_ADMIN
        )
    )
