"""Answers match recordings of the service where its documents differ or are silent.

The recordings belong to the tests of the JavaScript SDK (azure-sdk-for-js, sdk/batch/batch-rest).
"""

import pytest
from azure.batch import models

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator
from tests.patience import until

ENTITIES = "$metadata#Microsoft.Azure.Batch.Protocol.Entities"
STATE = ("ETag", "Last-Modified")


@pytest.fixture(scope="module")
def node(emulator: Emulator) -> str:
    emulator.add_pool("p")
    emulator.add_job("j", "p")
    emulator.run("j", "t", "/bin/false")
    (found,) = emulator.client.list_nodes("p")
    return f"/pools/p/nodes/{found.id}"


def test_an_error_says_where_in_the_metadata_it_is_described(emulator: Emulator) -> None:
    body = send(emulator, "GET", "/jobs/none").json()
    assert body["odata.metadata"] == f"{emulator.endpoint}/{ENTITIES}.Container.errors/@Element"


def test_a_job_without_preparation_and_release_refuses_their_status(
    emulator: Emulator, node: str
) -> None:
    answer = send(emulator, "GET", "/jobs/j/jobpreparationandreleasetaskstatus")
    assert refusal(answer)[:2] == (409, "JobPreparationTaskOrReleaseTaskNotSpecified")
    words = "The specified job does not have either job preparation task or job release task.\n"
    assert answer.json()["message"]["value"].startswith(words)


def test_counts_have_no_version(emulator: Emulator, node: str) -> None:
    answer = send(emulator, "GET", "/jobs/j/taskcounts")
    metadata = answer.json()["odata.metadata"]
    assert metadata == f"{emulator.endpoint}/$metadata#taskcountsresult/@Element"
    assert not set(STATE) & set(answer.headers)


def test_the_evaluation_of_a_formula_has_no_version(emulator: Emulator) -> None:
    formula = "$TargetDedicatedNodes = 0"
    emulator.add_pool("scaled", auto_scale_formula=formula)
    body = {"autoScaleFormula": formula}
    answer = send(emulator, "POST", "/pools/scaled/evaluateautoscale", body)
    assert answer.json()["odata.metadata"] == f"{emulator.endpoint}/{ENTITIES}.AutoScaleRun"
    assert not set(STATE) & set(answer.headers)
    told = answer.headers["DataServiceId"]
    assert told == f"{emulator.endpoint}/pools/scaled/evaluateautoscale"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/users", {"name": "u", "password": "secret"}),
        ("PUT", "/users/u", {"password": "other"}),
        ("POST", "/disablescheduling", None),
        ("POST", "/enablescheduling", None),
        ("POST", "/reboot", None),
    ],
)
def test_a_node_has_no_version(
    emulator: Emulator, node: str, method: str, path: str, body: object
) -> None:
    answer = send(emulator, method, node + path, body)
    assert answer.status_code < 300
    assert not set(STATE) & set(answer.headers)
    shown = "/users/u" if path == "/users" else path
    wanted = None if method == "GET" else f"{emulator.endpoint}{node}{shown}"
    assert answer.headers.get("DataServiceId") == wanted


def test_reading_and_reactivating_a_task_tell_no_address(emulator: Emulator, node: str) -> None:
    for method, path in (("GET", "/jobs/j/tasks/t"), ("POST", "/jobs/j/tasks/t/reactivate")):
        answer = send(emulator, method, path)
        assert answer.status_code < 300
        assert set(STATE) <= set(answer.headers)
        assert "DataServiceId" not in answer.headers


@pytest.mark.parametrize(("query", "value"), [("maxResults=-5", "-5"), ("maxresults=0", "0")])
def test_a_page_has_one_entry_at_least(emulator: Emulator, query: str, value: str) -> None:
    assert refusal(send(emulator, "GET", f"/pools?{query}")) == (
        400,
        "InvalidQueryParameterValue",
        {
            "QueryParameterName": "maxresults",
            "QueryParameterValue": value,
            "Reason": "MaxResults cannot be less than 1",
        },
    )


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/pools", "A query parameter that's mandatory for this request is not specified."),
        (
            "/pools/p/evaluateautoscale?api-version=2025-06-01",
            "The specified operation is not valid for the current state of the resource.",
        ),
    ],
)
def test_errors_that_users_show_have_the_words_of_the_service(
    emulator: Emulator, node: str, path: str, words: str
) -> None:
    method, body = ("POST", {"autoScaleFormula": "$a = 1"}) if "evaluate" in path else ("GET", None)
    answer = send(emulator, method, path, body, version=None)
    assert answer.json()["message"]["value"].startswith(words)


# azure-sdk-for-python, issues 27859 and 42399; the documents say TaskDependenciesNotSpecifiedOnJob.
def test_a_dependency_that_the_job_does_not_allow_is_an_unsupported_property(
    emulator: Emulator, node: str
) -> None:
    body = {"id": "dependent", "commandLine": "true", "dependsOn": {"taskIds": ["t"]}}
    code = "UnsupportedProperty"
    assert refusal(send(emulator, "POST", "/jobs/j/tasks", body))[:2] == (400, code)
    answer = send(emulator, "POST", "/jobs/j/addtaskcollection", {"value": [body]})
    (one,) = answer.json()["value"]
    assert (one["status"], one["error"]["code"]) == ("clienterror", code)
    words, request, time = one["error"]["message"]["value"].splitlines()
    assert words.startswith("One of the properties specified in the request body is not supported.")
    assert request == f"RequestId:{answer.headers['request-id']}"
    assert time.startswith("Time:20")


@pytest.mark.parametrize(
    "version",
    [
        "2020-09-01.12.0",
        "2021-06-01.14.0",
        "2022-01-01.15.0",
        "2022-10-01.16.0",
        "2023-05-01.17.0",
        "2023-11-01.18.0",
        "2024-02-01.19.0",
        "2024-07-01.20.0",
        "2025-06-01",
    ],
)
def test_every_version_since_task_slots_is_served(emulator: Emulator, version: str) -> None:
    assert send(emulator, "GET", "/pools", version=version).status_code == 200


@pytest.mark.parametrize("version", ["2020-03-01.11.0", "2025-06-01.21.0"])
def test_older_and_unknown_versions_are_refused_by_name(emulator: Emulator, version: str) -> None:
    status, code, values = refusal(send(emulator, "GET", "/pools", version=version))
    assert (status, code) == (400, "UnsupportedRequestVersion")
    assert values["QueryParameterValue"] == version


def test_a_pool_is_shown_with_defaults_and_without_passwords(emulator: Emulator) -> None:
    given = {
        "id": "told",
        "vmSize": "Standard_A1_v2",
        "virtualMachineConfiguration": {
            "imageReference": {"publisher": "debian", "offer": "debian-12", "sku": "12"},
            "nodeAgentSKUId": "batch.node.debian 12",
            "dataDisks": [{"lun": 1, "diskSizeGB": 50}],
        },
        "startTask": {"commandLine": "true"},
        "userAccounts": [{"name": "somebody", "password": "secret"}],
    }
    assert send(emulator, "POST", "/pools", given).status_code == 201
    shown = send(emulator, "GET", "/pools/told").json()
    assert shown["vmSize"] == "standard_a1_v2"
    machine = shown["virtualMachineConfiguration"]
    assert machine["imageReference"]["version"] == "latest"
    (disk,) = machine["dataDisks"]
    assert (disk["caching"], disk["storageAccountType"]) == ("none", "standard_lrs")
    assert shown["startTask"] == {
        "commandLine": "true",
        "userIdentity": {"autoUser": {"scope": "pool", "elevationLevel": "nonadmin"}},
        "maxTaskRetryCount": 0,
        "waitForSuccess": True,
    }
    assert shown["userAccounts"] == [{"name": "somebody", "elevationLevel": "nonadmin"}]


def test_a_nodes_start_task_is_shown_with_its_defaults(emulator: Emulator) -> None:
    emulator.add_pool("started", start_task=models.BatchStartTask(command_line="/bin/true"))
    node = until(lambda: next(iter(emulator.client.list_nodes("started")), None))
    assert (node.start_task.max_task_retry_count, node.start_task.wait_for_success) == (0, True)


def test_a_container_task_is_shown_with_its_working_directory(
    emulator: Emulator, node: str
) -> None:
    body = {"id": "c", "commandLine": "true", "containerSettings": {"imageName": "centos"}}
    assert send(emulator, "POST", "/jobs/j/tasks", body).status_code == 201
    shown = send(emulator, "GET", "/jobs/j/tasks/c").json()["containerSettings"]
    assert shown == {"imageName": "centos", "workingDirectory": "taskWorkingDirectory"}
