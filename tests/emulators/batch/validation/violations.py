"""Valid bodies, and bodies with one violation each, with the code and property of its error."""

TASK = {"id": "t", "commandLine": "true"}
IMAGE = {"publisher": "debian", "offer": "debian-12", "sku": "12"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.debian 12"}
POOL = {"id": "p", "vmSize": "small", "virtualMachineConfiguration": MACHINE}
JOB = {"id": "j", "poolInfo": {"poolId": "p"}}
SCHEDULE = {"id": "s", "schedule": {}, "jobSpecification": {"poolInfo": {"poolId": "p"}}}
FILE = {"httpUrl": "https://x", "filePath": "a"}
OUTPUT = {
    "filePattern": "*",
    "destination": {"container": {"containerUrl": "https://x"}},
    "uploadOptions": {"uploadCondition": "taskcompletion"},
}
RULE = {"priority": 150, "access": "allow", "sourceAddressPrefix": "*"}
NAT = {
    "name": "n",
    "protocol": "tcp",
    "backendPort": 80,
    "frontendPortRangeStart": 60_000,
    "frontendPortRangeEnd": 60_039,
}
MOUNTS = "containerHostBatchBindMounts"


def mounting(*sources: str) -> dict:
    """Return a container task that mounts these paths and works in its own."""
    settings = {"imageName": "i", MOUNTS: [{"source": source} for source in sources]}
    return {**TASK, "containerSettings": settings}


def inbound(*changes: dict) -> dict:
    """Return one network for each change of a valid inbound NAT pool."""
    return {"endpointConfiguration": {"inboundNATPools": [{**NAT, **one} for one in changes]}}


VALUE, MISSING, BODY = "InvalidPropertyValue", "MissingRequiredProperty", "InvalidRequestBody"

WRONG = [
    ("BatchTaskCreateOptions", {"commandLine": "x"}, MISSING, "id"),
    ("BatchTaskCreateOptions", {"id": None, "commandLine": "x"}, MISSING, "id"),
    ("BatchTaskCreateOptions", {**TASK, "id": "a b"}, VALUE, "id"),
    ("BatchTaskCreateOptions", {**TASK, "id": "x" * 65}, VALUE, "id"),
    ("BatchTaskCreateOptions", {**TASK, "id": "x\n"}, VALUE, "id"),
    ("BatchTaskCreateOptions", {**TASK, "id": 5}, BODY, "id"),
    ("BatchTaskCreateOptions", {"id": "t"}, MISSING, "commandLine"),
    ("BatchTaskCreateOptions", {**TASK, "commandLine": " "}, VALUE, "commandLine"),
    (
        "BatchTaskCreateOptions",
        {**TASK, "multiInstanceSettings": {"coordinationCommandLine": ""}},
        VALUE,
        "coordinationCommandLine",
    ),
    ("BatchTaskCreateOptions", mounting("Task", "Shared", "task"), VALUE, MOUNTS),
    ("BatchTaskCreateOptions", mounting("Shared"), VALUE, "workingDirectory"),
    ("BatchTaskCreateOptions", mounting(), VALUE, "workingDirectory"),
    ("BatchTaskCreateOptions", {**TASK, "displayName": "x" * 1025}, VALUE, "displayName"),
    ("BatchTaskCreateOptions", {**TASK, "requiredSlots": 0}, VALUE, "requiredSlots"),
    ("BatchTaskCreateOptions", {**TASK, "requiredSlots": "many"}, BODY, "requiredSlots"),
    ("BatchTaskCreateOptions", {**TASK, "requiredSlots": True}, BODY, "requiredSlots"),
    ("BatchTaskCreateOptions", {**TASK, "resourceFiles": {}}, BODY, "resourceFiles"),
    ("BatchTaskCreateOptions", {**TASK, "resourceFiles": [None]}, BODY, "resourceFiles"),
    ("BatchTaskCreateOptions", {**TASK, "resourceFiles": [{}]}, MISSING, "httpUrl"),
    (
        "BatchTaskCreateOptions",
        {**TASK, "resourceFiles": [{**FILE, "storageContainerUrl": "https://y"}]},
        VALUE,
        "storageContainerUrl",
    ),
    ("BatchTaskCreateOptions", {**TASK, "resourceFiles": [{"httpUrl": "x"}]}, MISSING, "filePath"),
    (
        "BatchTaskCreateOptions",
        {**TASK, "outputFiles": [{**OUTPUT, "destination": {}}]},
        MISSING,
        "container",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "outputFiles": [{**OUTPUT, "uploadOptions": {"uploadCondition": "never"}}]},
        VALUE,
        "uploadCondition",
    ),
    ("BatchTaskCreateOptions", {**TASK, "environmentSettings": [{"value": "x"}]}, MISSING, "name"),
    (
        "BatchTaskCreateOptions",
        {**TASK, "constraints": {"maxTaskRetryCount": -2}},
        VALUE,
        "maxTaskRetryCount",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "constraints": {"retentionTime": "7 days"}},
        VALUE,
        "retentionTime",
    ),
    ("BatchTaskCreateOptions", {**TASK, "constraints": []}, BODY, "constraints"),
    ("BatchTaskCreateOptions", {**TASK, "containerSettings": {}}, MISSING, "imageName"),
    ("BatchTaskCreateOptions", {**TASK, "userIdentity": {}}, MISSING, "autoUser"),
    (
        "BatchTaskCreateOptions",
        {**TASK, "userIdentity": {"autoUser": {"scope": "world"}}},
        VALUE,
        "scope",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "requiredSlots": 2, "multiInstanceSettings": {"coordinationCommandLine": "x"}},
        VALUE,
        "requiredSlots",
    ),
    (
        "BatchTaskCreateOptions",
        {
            **TASK,
            "multiInstanceSettings": {"numberOfInstances": 0, "coordinationCommandLine": "x"},
        },
        VALUE,
        "numberOfInstances",
    ),
    (
        "BatchTaskCreateOptions",
        {
            **TASK,
            "exitConditions": {"exitCodeRanges": [{"start": 5, "end": 1, "exitOptions": {}}]},
        },
        VALUE,
        "end",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "exitConditions": {"exitCodes": [{"code": 1 << 40, "exitOptions": {}}]}},
        VALUE,
        "code",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "applicationPackageReferences": [{"applicationId": "a"}] * 2},
        VALUE,
        "applicationPackageReferences",
    ),
    ("BatchTaskGroup", {"value": [{}] * 101}, VALUE, "value"),
    ("BatchTaskGroup", {"value": {}}, BODY, "value"),
    ("BatchTaskGroup", {}, MISSING, "value"),
    ("BatchJobCreateOptions", {"id": "j"}, MISSING, "poolInfo"),
    ("BatchJobCreateOptions", {**JOB, "poolInfo": {}}, MISSING, "poolId"),
    (
        "BatchJobCreateOptions",
        {
            **JOB,
            "poolInfo": {
                "poolId": "p",
                "autoPoolSpecification": {
                    "poolLifetimeOption": "job",
                    "pool": {"vmSize": "s", "virtualMachineConfiguration": MACHINE},
                },
            },
        },
        VALUE,
        "autoPoolSpecification",
    ),
    ("BatchJobCreateOptions", {**JOB, "priority": 1001}, VALUE, "priority"),
    ("BatchJobCreateOptions", {**JOB, "maxParallelTasks": 0}, VALUE, "maxParallelTasks"),
    ("BatchJobCreateOptions", {**JOB, "onAllTasksComplete": "x"}, VALUE, "onAllTasksComplete"),
    ("BatchJobCreateOptions", {**JOB, "metadata": [{"name": "a"}]}, MISSING, "value"),
    (
        "BatchJobCreateOptions",
        {**JOB, "jobReleaseTask": {"commandLine": "x"}},
        MISSING,
        "jobPreparationTask",
    ),
    (
        "BatchJobCreateOptions",
        {
            **JOB,
            "jobPreparationTask": {"commandLine": "x"},
            "jobReleaseTask": {"commandLine": "x", "maxWallClockTime": "PT16M"},
        },
        VALUE,
        "maxWallClockTime",
    ),
    ("BatchJobDisableOptions", {"disableTasks": "later"}, VALUE, "disableTasks"),
    (
        "BatchJobScheduleCreateOptions",
        {**SCHEDULE, "schedule": {"recurrenceInterval": "PT59S"}},
        VALUE,
        "recurrenceInterval",
    ),
    (
        "BatchJobScheduleCreateOptions",
        {
            **SCHEDULE,
            "schedule": {"doNotRunUntil": "2030-01-01T00:00:00Z", "doNotRunAfter": "2029-01-01"},
        },
        VALUE,
        "doNotRunAfter",
    ),
    ("BatchPoolCreateOptions", {"id": "p", "vmSize": "x"}, MISSING, "virtualMachineConfiguration"),
    (
        "BatchPoolCreateOptions",
        {**POOL, "virtualMachineConfiguration": {"imageReference": IMAGE}},
        MISSING,
        "nodeAgentSKUId",
    ),
    (
        "BatchPoolCreateOptions",
        {**POOL, "virtualMachineConfiguration": {**MACHINE, "imageReference": {}}},
        MISSING,
        "publisher",
    ),
    ("BatchPoolCreateOptions", {**POOL, "taskSlotsPerNode": 257}, VALUE, "taskSlotsPerNode"),
    ("BatchPoolCreateOptions", {**POOL, "resizeTimeout": "PT4M"}, VALUE, "resizeTimeout"),
    (
        "BatchPoolCreateOptions",
        {**POOL, "targetDedicatedNodes": -1},
        VALUE,
        "targetDedicatedNodes",
    ),
    (
        "BatchPoolCreateOptions",
        {
            **POOL,
            "enableAutoScale": True,
            "autoScaleFormula": "$x=1;",
            "targetDedicatedNodes": 1,
        },
        VALUE,
        "targetDedicatedNodes",
    ),
    ("BatchPoolCreateOptions", {**POOL, "autoScaleFormula": "$x=1;"}, VALUE, "autoScaleFormula"),
    ("BatchPoolCreateOptions", {**POOL, "startTask": {}}, MISSING, "commandLine"),
    (
        "BatchPoolCreateOptions",
        {**POOL, "userAccounts": [{"name": "x" * 21, "password": "p"}]},
        VALUE,
        "name",
    ),
    ("BatchPoolCreateOptions", {**POOL, "mountConfiguration": [{}]}, MISSING, None),
    ("BatchPoolResizeOptions", {}, MISSING, "targetDedicatedNodes"),
    (
        "BatchPoolEnableAutoScaleOptions",
        {"autoScaleEvaluationInterval": "PT1M"},
        VALUE,
        "autoScaleEvaluationInterval",
    ),
    *(
        ("BatchPoolCreateOptions", {**POOL, "networkConfiguration": network}, VALUE, name)
        for network, name in (
            ({"subnetId": "vnet/subnet"}, "subnetId"),
            (inbound({"backendPort": 29876}), "backendPort"),
            (inbound({"name": "-n"}), "name"),
            (inbound({"name": "x" * 78}), "name"),
            (inbound({"frontendPortRangeStart": 54_990}), "frontendPortRangeStart"),
            (inbound({"frontendPortRangeEnd": 60_038}), "frontendPortRangeEnd"),
            (inbound({}, {"name": "b"}), "backendPort"),
            (inbound({}, {"backendPort": 81}), "name"),
            (inbound({}, {"name": "b", "backendPort": 81}), "frontendPortRangeStart"),
            (inbound({"networkSecurityGroupRules": [RULE, RULE]}), "priority"),
            (inbound(*({"name": f"n{n}", "backendPort": n + 1} for n in range(6))), None),
        )
    ),
    (
        "BatchPoolCreateOptions",
        {
            **POOL,
            "virtualMachineConfiguration": {
                **MACHINE,
                "imageReference": {
                    "virtualMachineImageId": "/subscriptions/s/resourceGroups/g/providers"
                    "/Microsoft.Compute/gallery/G/images/I/versions/1"
                },
            },
        },
        VALUE,
        "virtualMachineImageId",
    ),
    (
        "BatchTaskCreateOptions",
        {**TASK, "resourceFiles": [{**FILE, "blobPrefix": "x"}]},
        VALUE,
        "blobPrefix",
    ),
    ("BatchNodeRemoveOptions", {"nodeList": []}, VALUE, "nodeList"),
    ("BatchNodeRemoveOptions", {"nodeList": ["n"] * 101}, VALUE, "nodeList"),
]
