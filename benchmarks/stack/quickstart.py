"""The poll loop of the Azure Batch Python quickstart, on the local stack, for the same items.

As the quickstart does: upload an input for each task, create a pool, a job and the tasks, list all
tasks every second until all are completed, read each task's output, delete job and pool.
"""

import secrets
import time
from datetime import timedelta

from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy

from pipeline.domain.runs.naming import BlobRef
from tests.e2e.local import EXTRA, Stack

POLL_S = 1.0
_POOL_SIZE = {"nodes": 4, "slots": 2}  # those of the pool `cpu`


class _Counter(SansIOHTTPPolicy):  # type: ignore[type-arg] # requests and responses of any kind
    """Counts the requests that a client sends."""

    count = 0

    def on_request(self, request: PipelineRequest) -> None:  # type: ignore[type-arg] # as above
        self.count += 1


def measure(stack: Stack, items: int) -> tuple[float, int]:
    """Run so many no-op tasks; return the seconds until all outputs are read, and Batch calls."""
    counter, settings = _Counter(), stack.settings
    credential = AzureNamedKeyCredential(settings.batch_account, settings.batch_key)
    client = BatchClient(settings.batch_endpoint, credential, per_call_policies=[counter])
    name = f"quickstart-{secrets.token_hex(4)}"
    began = time.monotonic()
    try:
        tasks = [_task(stack, name, number) for number in range(items)]
        _create(client, name, tasks)
        while True:
            listed = list(client.list_tasks(name))
            if all(task.state == models.BatchTaskState.COMPLETED for task in listed):
                break
            time.sleep(POLL_S)
        for task in listed:
            assert task.execution_info is not None and task.execution_info.exit_code == 0, task.id
            b"".join(client.download_task_file(name, task.id, "stdout.txt"))
        seconds = time.monotonic() - began
    finally:
        client.begin_delete_job(name)
        client.begin_delete_pool(name)
    return seconds, counter.count


def _task(stack: Stack, job: str, number: int) -> models.BatchTaskCreateOptions:
    """Upload a task's input, and describe the task with a signed URL of it, and of its program."""
    ports = stack.engine.ports
    until = stack.engine.now + timedelta(hours=2)
    files = {"act.py": (EXTRA / "task_scripts/act.py").read_bytes(), "input.txt": b"ok %d" % number}
    urls = {}
    for name, content in files.items():
        place = job if name == "act.py" else f"{job}/{number}"
        ref = BlobRef("work", f"{place}/{name}")
        if name != "act.py" or number == 0:
            ports.writer.write(ref, content)
        urls[name] = ports.signer.reading(ports.blobs.url(ref), until)
    return models.BatchTaskCreateOptions(
        id=f"Task{number}",
        command_line="/bin/sh -c 'python3 act.py \"$(cat input.txt)\" .'",
        resource_files=[
            models.ResourceFile(http_url=url, file_path=name) for name, url in urls.items()
        ],
    )


def _create(client: BatchClient, name: str, tasks: list[models.BatchTaskCreateOptions]) -> None:
    image = models.BatchVmImageReference(
        publisher="canonical", offer="ubuntu-24_04-lts", sku="server", version="latest"
    )
    client.create_pool(
        models.BatchPoolCreateOptions(
            id=name,
            vm_size="standard_d2s_v5",
            virtual_machine_configuration=models.VirtualMachineConfiguration(
                image_reference=image, node_agent_sku_id="batch.node.ubuntu 24.04"
            ),
            target_dedicated_nodes=_POOL_SIZE["nodes"],
            task_slots_per_node=_POOL_SIZE["slots"],
        )
    )
    client.create_job(
        models.BatchJobCreateOptions(id=name, pool_info=models.BatchPoolInfo(pool_id=name))
    )
    client.create_tasks(name, tasks)
