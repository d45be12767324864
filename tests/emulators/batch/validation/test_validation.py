"""The form of request bodies: each violation has its code and names its property."""

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError

from emulators.batch.errors import BatchError
from emulators.batch.validation import validate
from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator
from tests.emulators.batch.validation.violations import (
    BODY,
    JOB,
    MACHINE,
    POOL,
    RULE,
    TASK,
    VALUE,
    WRONG,
    inbound,
)


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
