"""Workflows as a user of Apache Airflow writes them; Airflow reads this file, with its Python."""

import os

from airflow.providers.microsoft.azure.operators.batch import AzureBatchOperator
from airflow.sdk import DAG
from azure.batch import models

POOL = {
    "batch_pool_vm_size": "standard_d2s_v5",
    "vm_publisher": "debian",
    "vm_offer": "debian-12",
    "vm_sku": "12",
    "vm_node_agent_sku_id": "batch.node.debian 12",
    "batch_task_id": "task",
    "poll_interval": 1,
}
ONE_NODE = {"target_dedicated_nodes": 1}
CLEAN_UP = {"should_delete_job": True, "should_delete_pool": True}
HELLO = "/bin/sh -c 'cat $AZ_BATCH_JOB_PREP_DIR/wd/greeting'"


def output(folder: str) -> models.OutputFile:
    """Return where a task's output goes, so that it outlives its job."""
    return models.OutputFile(
        file_pattern="../std*.txt",
        destination=models.OutputFileDestination(
            container=models.OutputFileBlobContainerDestination(
                container_url=os.environ["CONTAINER_URL"], path=folder
            )
        ),
        upload_options=models.OutputFileUploadConfiguration(upload_condition="taskcompletion"),
    )


def workflow(name: str, command: str, **settings: object) -> None:
    """Declare a DAG of one task, with a pool and a job of the same name."""
    with DAG(name, schedule=None):
        AzureBatchOperator(
            task_id="batch",
            batch_pool_id=name,
            batch_job_id=name,
            batch_task_command_line=command,
            batch_task_output_files=[output(name)],
            **(POOL | settings),
        )


preparation = models.BatchJobPreparationTask(
    id="prepare", command_line="/bin/sh -c 'echo hello > greeting'"
)
prepared = {"batch_job_preparation_task": preparation}
latest = {"use_latest_verified_vm_image_and_sku": True, "sku_starts_with": "12"}
formula = {"enable_auto_scale": True, "auto_scale_formula": "$TargetDedicatedNodes = 2;"}
workflow("waiting", HELLO, **ONE_NODE, **CLEAN_UP, **prepared, **latest)
workflow("deferred", HELLO, **ONE_NODE, **CLEAN_UP, **prepared, deferrable=True)
workflow("scaling", "/bin/sh -c 'echo hello'", **formula)
workflow("failing", "/bin/sh -c 'echo no luck >&2; exit 3'", **ONE_NODE, **CLEAN_UP)
workflow("failing_deferred", "/bin/sh -c 'exit 3'", **ONE_NODE, deferrable=True)
workflow("too_large", "/bin/sh -c 'echo never'", target_dedicated_nodes=50)
