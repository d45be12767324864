"""Submits the one task of `fanfare smoke --prove` that no run has: an input by identity."""

from azure.batch.models import BatchNodeIdentityReference, BatchTaskCreateOptions, ResourceFile

from pipeline.adapters.batch import client as batch_client
from pipeline.adapters.batch.specs import Specs
from pipeline.adapters.identity import signatures
from pipeline.ports.batch import TaskSpec
from pipeline.settings import Settings

_FILE = "by-identity"


def submit_by_identity(settings: Settings, job: str, spec: TaskSpec, url: str) -> None:
    """Add a task whose input comes as the nodes' identity. Raises Transient and Permanent."""
    task = with_identity(
        Specs(signatures.connect(settings)).task(spec), url, settings.node_identity
    )
    client = batch_client.connect(settings)
    with batch_client.batch(f"add a task to {job}"):
        client.create_task(job, task)


def with_identity(task: BatchTaskCreateOptions, url: str, identity: str) -> BatchTaskCreateOptions:
    """Give a task a file that the agent fetches as an identity, by its URL without a signature."""
    reference = BatchNodeIdentityReference(resource_id=identity)
    file = ResourceFile(http_url=url, file_path=_FILE, identity_reference=reference)
    task.resource_files = [*(task.resource_files or []), file]
    return task
