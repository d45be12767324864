"""The story of story.py, told by azure-batch 14.2 (msrest, api-version 2024-02-01.19.0)."""

import json
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta

from azure.batch import BatchServiceClient, models
from azure.batch.batch_auth import SharedKeyCredentials

endpoint, account, key, wrong_key = sys.argv[1:]
client = BatchServiceClient(SharedKeyCredentials(account, key), batch_url=endpoint)
stranger = BatchServiceClient(SharedKeyCredentials(account, wrong_key), batch_url=endpoint)
seen: dict[str, object] = {}


def refusal(call: Callable[..., object], *arguments: object) -> dict[str, object]:
    try:
        call(*arguments)
    except models.BatchErrorException as refused:
        error = refused.error
        return {
            "status": refused.response.status_code,
            "code": error.code,
            "message": error.message.value.splitlines()[0],
            "values": {one.key: one.value for one in error.values or ()},
        }
    raise AssertionError("it was not refused")


def until(probe: Callable[[], object]) -> None:
    limit = time.monotonic() + float(os.environ["LIMIT_S"])
    while not probe():
        assert time.monotonic() < limit


on_pool = models.PoolInformation(pool_id="pool")
image = models.ImageReference(publisher="debian", offer="debian-12", sku="12")
client.pool.add(
    models.PoolAddParameter(
        id="pool",
        vm_size="standard_d2s_v5",
        target_dedicated_nodes=1,
        task_slots_per_node=4,
        virtual_machine_configuration=models.VirtualMachineConfiguration(
            image_reference=image, node_agent_sku_id="batch.node.debian 12"
        ),
    )
)
seen["exists"] = [client.pool.exists("pool"), client.pool.exists("other")]
pool = client.pool.get("pool")
seen["pool"] = [
    pool.id,
    pool.state,
    pool.vm_size,
    pool.task_slots_per_node,
    pool.target_dedicated_nodes,
]

limits = models.JobConstraints(max_wall_clock_time=timedelta(hours=1))
job = models.JobAddParameter(id="job", pool_info=on_pool, constraints=limits)
client.job.add(job)
seen["job_exists"] = refusal(client.job.add, job)
bad = models.JobAddParameter(id="bad", priority=5000, pool_info=on_pool)
seen["bad_property"] = refusal(client.job.add, bad)
seen["unknown_job"] = refusal(client.job.get, "unknown")
seen["wrong_key"] = refusal(stranger.job.get, "job")
wrong_tag = models.JobPatchOptions(if_match="0x1")
seen["wrong_tag"] = refusal(
    client.job.patch, "job", models.JobPatchParameter(priority=1), wrong_tag
)

command = "/bin/sh -c 'echo hello from $AZ_BATCH_TASK_ID'"
single = models.TaskAddParameter(id="single", command_line=command)
client.task.add("job", single)
many = [models.TaskAddParameter(id=f"task-{n}", command_line="/bin/true") for n in range(25)]
added = client.task.add_collection("job", [*many, single]).value
by_id = {one.task_id: one for one in added}
seen["added"] = [
    [task.id, by_id[task.id].status, by_id[task.id].error and by_id[task.id].error.code]
    for task in [*many, single]
]

options = models.TaskListOptions(
    filter="startswith(id,'task-')", select="id", max_results=10, timeout=20
)
listing = client.task.list("job", options)
pages = []
while True:
    try:
        pages.append(listing.advance_page())
    except StopIteration:
        break
seen["pages"] = [len(page) for page in pages]
seen["listed"] = sorted(
    ([task.id, task.state] for page in pages for task in page),
    key=lambda one: int(one[0].removeprefix("task-")),
)


def counted() -> bool:
    counts = client.job.get_task_counts("job").task_counts
    seen["counts"] = [counts.active, counts.running, counts.succeeded, counts.failed]
    return counts.completed == 26


until(counted)
task = client.task.get("job", "single")
seen["task"] = [task.state, task.execution_info.exit_code, task.execution_info.result]

seen["stdout"] = b"".join(client.file.get_from_task("job", "single", "stdout.txt")).decode()
first_five = models.FileGetFromTaskOptions(ocp_range="bytes=0-4")
seen["range"] = b"".join(
    client.file.get_from_task("job", "single", "stdout.txt", first_five)
).decode()
about = client.file.get_properties_from_task("job", "single", "stdout.txt", raw=True)
seen["size"] = about.headers["Content-Length"]
seen["files"] = [file.name for file in client.file.list_from_task("job", "single")]
deep = "workitems/job/job-1/single/stdout.txt"
seen["node_file"] = b"".join(
    client.file.get_from_compute_node("pool", task.node_info.node_id, deep)
).decode()
seen["unknown_file"] = refusal(client.file.get_from_task, "job", "single", "none.txt")["status"]

client.job.patch("job", models.JobPatchParameter(priority=7))
seen["priority"] = client.job.get("job").priority
seen["succeeded"] = refusal(client.task.reactivate, "job", "single")
client.task.delete("job", "single")
seen["deleted_task"] = refusal(client.task.get, "job", "single")["code"]
client.job.terminate("job", terminate_reason="enough")
seen["reason"] = client.job.get("job").execution_info.terminate_reason
formula = "$TargetDedicatedNodes = 3"
seen["no_autoscale"] = refusal(client.pool.evaluate_auto_scale, "pool", formula)["status"]
client.pool.enable_auto_scale("pool", auto_scale_formula="$TargetDedicatedNodes = 1")
seen["formula"] = client.pool.evaluate_auto_scale("pool", formula).results
client.job.delete("job")
client.pool.delete("pool")


def gone() -> bool:
    try:
        seen["gone"] = [
            refusal(client.job.get, "job")["code"],
            refusal(client.pool.get, "pool")["code"],
        ]
    except AssertionError:
        return False
    return True


until(gone)
print(json.dumps(seen))
