"""What bodies have to look like: each violation has its code and names its property."""

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.errors import BatchError
from emulators.batch.validation import validate
from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator

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


def inbound(*changes: dict) -> dict:
    """Return a network with an inbound NAT pool for each change of a good one."""
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


@pytest.mark.parametrize(("model", "body", "code", "name"), WRONG)
def test_a_violation_has_its_code_and_names_its_property(
    model: str, body: dict, code: str, name: str | None
) -> None:
    with pytest.raises(BatchError) as error:
        validate(model, body)
    assert (error.value.code, error.value.status) == (code, 400)
    assert name is None or error.value.values["PropertyName"] == name
    if code == VALUE:
        assert set(error.value.values) == {"PropertyName", "PropertyValue", "Reason"}


def test_the_networks_and_images_of_the_documentation_are_accepted() -> None:
    subnet = (
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/n"
    )
    other = {
        "name": "b.2_",
        "backendPort": 81,
        "frontendPortRangeStart": 1,
        "frontendPortRangeEnd": 40,
    }
    network = {"subnetId": subnet, **inbound({"networkSecurityGroupRules": [RULE]}, other)}
    gallery = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/galleries/G/images/I"
    for image in (gallery, f"{gallery}/versions/latest"):
        machine = {**MACHINE, "imageReference": {"virtualMachineImageId": image}}
        pool = {**POOL, "virtualMachineConfiguration": machine, "networkConfiguration": network}
        assert validate("BatchPoolCreateOptions", pool) == pool


@pytest.mark.parametrize(
    ("tasks", "code"),
    [
        (
            {"jobManagerTask": {"id": "JobPreparation", "commandLine": "x"}},
            "TaskIdSameAsJobPreparationTask",
        ),
        (
            {
                "jobManagerTask": {"id": "r", "commandLine": "x"},
                "jobReleaseTask": {"id": "R", "commandLine": "x"},
            },
            "TaskIdSameAsJobReleaseTask",
        ),
        (
            {"jobReleaseTask": {"id": "jobpreparation", "commandLine": "x"}},
            "TaskIdSameAsJobPreparationTask",
        ),
    ],
)
def test_manager_preparation_and_release_have_three_ids(tasks: dict, code: str) -> None:
    with pytest.raises(BatchError) as error:
        validate(
            "BatchJobCreateOptions", {**JOB, "jobPreparationTask": {"commandLine": "x"}, **tasks}
        )
    assert (error.value.code, error.value.status) == (code, 409)


def test_ids_of_dependencies_may_have_64000_characters_together() -> None:
    for length, code in ((1000, None), (1001, "TaskDependencyListTooLong")):
        body = {**TASK, "dependsOn": {"taskIds": ["x" * 64] * length}}
        if code is None:
            validate("BatchTaskCreateOptions", body)
        else:
            with pytest.raises(BatchError, match="too long"):
                validate("BatchTaskCreateOptions", body)


@pytest.mark.parametrize(("ranges", "refused"), [(1000, False), (1001, True)])
def test_a_task_may_depend_on_a_thousand_ranges_of_any_length(ranges: int, refused: bool) -> None:
    spans = [{"start": 0, "end": 2_147_483_647}] * ranges
    body = {**TASK, "dependsOn": {"taskIdRanges": spans}}
    if refused:
        with pytest.raises(BatchError, match="too long"):
            validate("BatchTaskCreateOptions", body)
    else:
        validate("BatchTaskCreateOptions", body)


def test_a_schedule_that_recurs_in_ages_is_no_ones_trouble(emulator: Emulator) -> None:
    emulator.add_pool("ages", nodes=0)
    ages = {"recurrenceInterval": "P999999999D", "startWindow": "P999999999D"}
    job = {"poolInfo": {"poolId": "ages"}}
    body = {"id": "ages", "schedule": ages, "jobSpecification": job}
    assert send(emulator, "POST", "/jobschedules", body).status_code == 201
    assert send(emulator, "GET", "/jobschedules/ages").json()["state"] == "active"
    late = {**body, "id": "late", "schedule": {"doNotRunUntil": "9999-12-31T23:59:59Z"}}
    refused = refusal(send(emulator, "POST", "/jobschedules", late))
    assert refused[1:] == (VALUE, refused[2]) and refused[2]["PropertyName"] == "doNotRunUntil"


def test_what_clients_of_the_field_send_is_understood() -> None:
    body = {
        "id": "j",
        "poolInfo": {"poolId": "p"},
        "priority": "5",
        "usesTaskDependencies": "TRUE",
        "onAllTasksComplete": "NoAction",
        "constraints": None,
        "odata.metadata": "where it came from",
    }
    assert validate("BatchJobCreateOptions", dict(body)) == {
        **{name: value for name, value in body.items() if value is not None},
        "priority": 5,
        "usesTaskDependencies": True,
    }


@pytest.mark.parametrize(
    ("model", "older"),
    [
        ("BatchPoolCreateOptions", {"targetNodeCommunicationMode": "simplified"}),
        ("BatchPoolUpdateOptions", {"certificateReferences": []}),
        ("BatchTaskCreateOptions", {"authenticationTokenSettings": {"access": ["job"]}}),
    ],
)
def test_what_older_versions_had_is_kept(model: str, older: dict[str, object]) -> None:
    needed = {"BatchPoolCreateOptions": POOL, "BatchTaskCreateOptions": TASK}.get(model, {})
    assert validate(model, {**needed, **older}) == {**needed, **older}


@pytest.mark.parametrize(
    ("body", "name", "entity"),
    [
        ({**JOB, "prioritty": 5}, "prioritty", "Job"),
        ({**JOB, "Priority": 5}, "Priority", "Job"),
        ({**JOB, "constraints": {"maxRetries": 1}}, "maxRetries", "JobConstraints"),
    ],
)
def test_an_unknown_property_is_refused_in_the_words_of_the_service(
    body: dict[str, object], name: str, entity: str
) -> None:
    with pytest.raises(BatchError) as refused:
        validate("BatchJobCreateOptions", body)
    assert refused.value.code == BODY
    assert refused.value.values["Reason"] == (
        f"The property '{name}' does not exist on type 'Microsoft.Azure.Batch.Protocol.Entities."
        f"{entity}'. Make sure to only use property names that are defined by the type."
    )


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"5",
        b'"text"',
        b"null",
        b"\xff",
        b'{"id": NaN}',
        b'{"id": 1e999}',
        b'{"id": "\\ud800"}',
        b'{"id": "\\u0000"}',
        b'{"x": ' * 100_000,
        b'{"novelty": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    ],
)
def test_a_body_of_no_shape_is_refused(emulator: Emulator, body: bytes) -> None:
    assert refusal(send(emulator, "POST", "/jobs", body))[:2] == (400, BODY)


def test_refusals_reach_clients_with_their_values(emulator: Emulator) -> None:
    status, code, values = refusal(
        send(emulator, "POST", "/pools", {**POOL, "taskSlotsPerNode": 0})
    )
    assert (status, code) == (400, VALUE)
    assert values == {
        "PropertyName": "taskSlotsPerNode",
        "PropertyValue": "0",
        "Reason": "The value must be between 1 and 256.",
    }


def test_tasks_of_a_collection_are_judged_one_by_one(emulator: Emulator) -> None:
    emulator.add_pool("judged", nodes=0)
    emulator.add_job("judged", "judged")
    tasks = [TASK, 5, None, {"id": "bad id"}, {**TASK, "id": "u", "requiredSlots": "2"}]
    answer = send(emulator, "POST", "/jobs/judged/addtaskcollection", {"value": tasks})
    assert answer.status_code == 200
    found = [(one["status"], one.get("error", {}).get("code")) for one in answer.json()["value"]]
    assert found == [
        ("success", None),
        ("clienterror", BODY),
        ("clienterror", BODY),
        ("clienterror", VALUE),
        ("success", None),
    ]
    assert emulator.client.get_task("judged", "u").required_slots == 2


def test_the_sdk_shows_which_property_was_wrong(emulator: Emulator) -> None:
    options = models.BatchJobCreateOptions(
        id="judged-2", pool_info=models.BatchPoolInfo(pool_id="judged"), priority=5000
    )
    with pytest.raises(HttpResponseError) as error:
        emulator.client.create_job(options)
    values = {one.key: one.value for one in error.value.model.error_values}
    assert values["PropertyName"] == "priority"
