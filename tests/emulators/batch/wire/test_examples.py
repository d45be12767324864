"""Every example of the OpenAPI document: the request is accepted, and the answer has its form.

Certificates are left out, because the service removed them in 2025-06-01.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from azure.core.rest import HttpResponse

from tests.emulators.batch.raw import send
from tests.emulators.batch.running import Emulator, shell
from tests.emulators.batch.wire import openapi
from tests.patience import until

NAMES = sorted(openapi.examples())
SERVED = [name for name in NAMES if not name.startswith("Certificate")]
IMAGE = {"publisher": "debian", "offer": "debian-12", "sku": "12"}
MACHINE = {"imageReference": IMAGE, "nodeAgentSKUId": "batch.node.debian 12"}
FORMULA = {"autoScaleFormula": "$TargetDedicatedNodes=1;"}
# Features that this emulator lacks, and a resize that ends before it can be stopped.
NOT_THERE = {"ApplicationGet": 404, "PoolStopResize": 409}
# Its description calls it a bad request, although it shows a good answer.
NOT_THERE["TaskAdd_ContainerSettingsWithDataIsolation_DuplicateSources"] = 400
# Headers that the document names but the service never sent, see test_recorded.
UNSEEN = {
    "Node": ("ETag", "Last-Modified"),
    "ComputeNode": ("ETag", "Last-Modified"),
    "JobGetTaskCounts": ("ETag", "Last-Modified"),
    "PoolEvaluateAutoscale": ("ETag", "Last-Modified"),
    "TaskGet": ("DataServiceId",),
    "TaskReactivate": ("DataServiceId",),
}


class Stage:
    """The state that the request of an example expects, prepared over the same wire."""

    def __init__(self, emulator: Emulator, parameters: dict[str, Any], *, strict: bool) -> None:
        self.emulator, self.given, self.strict = emulator, parameters, strict

    def ask(self, method: str, path: str, body: object = None) -> HttpResponse:
        answer = send(self.emulator, method, path, body, version=openapi.VERSION)
        assert answer.status_code < 300, answer.text()
        return answer

    def pool(self, pool_id: str, scales: bool = False) -> None:
        size = {"enableAutoScale": True, **FORMULA} if scales else {"targetDedicatedNodes": 1}
        body = {"id": pool_id, "vmSize": "s", "virtualMachineConfiguration": MACHINE, **size}
        self.ask("POST", "/pools", {**body, "taskSlotsPerNode": 4})
        node = until(lambda: self._idle(pool_id))
        if "nodeId" in self.given:
            self.given["nodeId"] = node

    def _idle(self, pool_id: str) -> str | None:
        pool = self.ask("GET", f"/pools/{pool_id}").json()
        nodes = self.ask("GET", f"/pools/{pool_id}/nodes").json()["value"]
        ready = pool["allocationState"] == "steady" and [
            one["id"] for one in nodes if one["state"] == "idle"
        ]
        return ready[0] if ready else None

    def job(self, job_id: str, pool_id: str) -> None:
        body = {
            "id": job_id,
            "poolInfo": {"poolId": pool_id},
            "usesTaskDependencies": True,
            "onTaskFailure": "performexitoptionsjobaction" if self.strict else "noaction",
            "jobPreparationTask": {"commandLine": "true"},
        }
        self.ask("POST", "/jobs", body)

    def task(self, job_id: str, task_id: str, command: str) -> None:
        self.ask("POST", f"/jobs/{job_id}/tasks", {"id": task_id, "commandLine": command})

    def ended(self, job_id: str, task_id: str) -> None:
        url = f"/jobs/{job_id}/tasks/{task_id}"
        until(lambda: self.ask("GET", url).json()["state"] == "completed")

    def schedule(self, schedule_id: str, pool_id: str) -> None:
        body = {
            "id": schedule_id,
            "schedule": {"recurrenceInterval": "PT1H"},
            "jobSpecification": {"poolInfo": {"poolId": pool_id}},
        }
        self.ask("POST", "/jobschedules", body)


def _node(stage: Stage) -> str:
    return f"/pools/{stage.given['poolId']}/nodes/{stage.given['nodeId']}"


def _written_file(stage: Stage) -> None:
    job, task = stage.given.get("jobId", "jobId"), stage.given.get("taskId", "task1")
    if "jobId" not in stage.given:
        stage.job(job, stage.given["poolId"])
    stage.task(job, task, shell("echo text > testFile.txt"))
    stage.ended(job, task)
    stage.given["filePath"] = stage.given.get("filePath", "").replace("\\", "/")


def _failed_task(stage: Stage) -> None:
    stage.task(stage.given["jobId"], stage.given["taskId"], "false")
    stage.ended(stage.given["jobId"], stage.given["taskId"])


def _deallocated_node(stage: Stage) -> None:
    stage.ask("POST", f"{_node(stage)}/deallocate")
    until(lambda: stage.ask("GET", _node(stage)).json()["state"] == "deallocated")


def _user(stage: Stage) -> None:
    stage.ask("POST", f"{_node(stage)}/users", {"name": "userName", "password": "secret"})


def _own_node(stage: Stage) -> None:
    url = f"/pools/{stage.given['poolId']}/nodes"
    stage.given["nodeRemoveParameter"] = {
        "nodeList": [stage.ask("GET", url).json()["value"][0]["id"]]
    }


def _posted(path: str, body: object = None) -> Callable[[Stage], None]:
    return lambda stage: stage.ask("POST", path.format(**stage.given), body) and None


# What an example needs beside the pool, job, task and schedule in its parameters.
BEFORE: dict[str, Callable[[Stage], None]] = {
    "JobEnable": _posted("/jobs/{jobId}/disable", {"disableTasks": "requeue"}),
    "JobScheduleEnable": _posted("/jobschedules/{jobScheduleId}/disable"),
    "TaskReactivate": _failed_task,
    "NodeEnableScheduling": lambda stage: (
        stage.ask("POST", f"{_node(stage)}/disablescheduling") and None
    ),
    "NodeStart": _deallocated_node,
    "NodeDeleteUser": _user,
    "NodeUpdateUser": _user,
    "PoolRemoveNodes": _own_node,
    **dict.fromkeys((name for name in NAMES if name.startswith("File")), _written_file),
}
OWN_TASK = {"TaskReactivate", *(name for name in NAMES if name.startswith("File"))}
SCALING = {"PoolDisableAutoScale", "PoolEvaluateAutoscale"}


def prepare(name: str, emulator: Emulator, parameters: dict[str, Any]) -> None:
    """Prepare the state that the request of an example expects."""
    stage = Stage(emulator, parameters, strict=name == "TaskAdd_ExitConditions")
    pools = _pools_named(parameters)
    for pool_id in pools:
        stage.pool(pool_id, scales=name in SCALING)
    pool = next(iter(pools), "poolId")
    if "jobId" in parameters:
        stage.job(parameters["jobId"], pool)
    if "taskId" in parameters and name not in OWN_TASK:
        stage.task(parameters["jobId"], parameters["taskId"], "sleep 100")
    if "jobScheduleId" in parameters:
        stage.schedule(parameters["jobScheduleId"], pool)
    if name in BEFORE:
        BEFORE[name](stage)


def _pools_named(parameters: dict[str, Any]) -> list[str]:
    """Return the pools that must exist: the one in the path, or those that the body names."""
    named = {parameters["poolId"]} if "poolId" in parameters else set()
    for value in parameters.values():
        named |= set(re.findall(r"'poolId': '([^']+)'", str(value)))
    if not named and {"jobId", "jobScheduleId"} & set(parameters):
        named = {"poolId"}
    return sorted(named)


def request_of(path: str, operation: dict[str, Any], given: dict[str, Any]) -> tuple[str, object]:
    """Return path with query, and body, of an example."""
    query, body = [], None
    shared = openapi.document()["parameters"]
    for entry in operation["parameters"]:
        one = shared.get(entry.get("$ref", "").rpartition("/")[2], entry)
        value = given.get(one["name"])
        if value is None or one["name"] == "api-version":
            continue
        if one["in"] == "path":
            path = path.replace("{" + one["name"] + "}", quote(str(value), safe=""))
        elif one["in"] == "query":
            query.append(f"{one['name']}={quote(str(value), safe='')}")
        elif one["in"] == "body":
            body = value
    return path + ("?" + "&".join(query) if query else ""), body


def clear(emulator: Emulator) -> None:
    """Begin with an empty account."""
    emulator.admin("POST", "/_admin/reset")
    for path in ("/pools", "/jobs", "/jobschedules"):
        until(lambda path=path: not send(emulator, "GET", path).json()["value"])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    flags = ["--autoscale-min-seconds", "0", "--node-quota", "10000"]
    running = Emulator(tmp_path_factory.mktemp("examples"), *flags)
    yield running
    running.stop()


@pytest.mark.parametrize("name", SERVED)
def test_an_example_is_served_as_documented(served: Emulator, name: str) -> None:
    method, path, operation, content = openapi.examples()[name]
    clear(served)
    given = dict(content["parameters"])
    prepare(name, served, given)
    target, body = request_of(path, operation, given)
    answer = send(served, method, target, body, version=openapi.VERSION)
    expected = NOT_THERE.get(name, int(next(iter(content["responses"]))))
    assert answer.status_code == expected, answer.text()
    documented = operation["responses"][str(answer.status_code)] if expected < 400 else {}
    if name.startswith("FileGetFrom"):
        assert answer.read() == b"text\n"
    elif "schema" in documented:
        jsonschema_rs.validate(openapi.strict(documented["schema"]), answer.json())
    for header in _headers(name, documented, paged="x-ms-pageable" in operation):
        assert header in answer.headers, header


def _headers(name: str, documented: dict[str, Any], *, paged: bool) -> list[str]:
    """Return the headers to check; lists and files have fewer than the document says, as
    recorded."""
    if paged or name.startswith(("File", "TaskListSubtasks")) or name.endswith("Delete"):
        return []
    unseen = next((headers for start, headers in UNSEEN.items() if name.startswith(start)), ())
    wanted = {"ETag", "Last-Modified", "DataServiceId"} - set(unseen)
    return sorted(wanted & set(documented.get("headers", {})))


@pytest.mark.parametrize("name", ["PoolExists", "JobScheduleExists"])
def test_what_does_not_exist_is_404_without_a_body(served: Emulator, name: str) -> None:
    method, path, operation, content = openapi.examples()[name]
    clear(served)
    target, _ = request_of(path, operation, content["parameters"])
    answer = send(served, method, target, version=openapi.VERSION)
    assert (answer.status_code, answer.read()) == (404, b"")


def test_certificates_are_gone(served: Emulator) -> None:
    assert len(NAMES) - len(SERVED) == 5
    assert send(served, "GET", "/certificates", version=openapi.VERSION).status_code == 404
