"""What the Batch adapters send, and how they handle rare answers of the service."""

from datetime import datetime
from urllib.parse import parse_qs

import pytest
from azure.core.credentials import AzureNamedKeyCredential

from pipeline.adapters.batch.cluster import AzureCluster
from pipeline.adapters.batch.jobs import AzureJobs
from pipeline.adapters.batch.specs import Specs
from pipeline.adapters.identity.signatures import Signatures
from pipeline.domain.waiting.reports import NodeCounts, Preparation, Trouble
from pipeline.errors import JobGone, Permanent, QuotaReached, Transient
from pipeline.ports.batch import Container, InputFile, Mount, Upload
from tests.contract.batch.stub import error
from tests.contract.batch.worlds import job_spec, task_spec
from tests.emulators.storage.processes import KEY
from tests.fakes.clock import START

BLOBS = "http://127.0.0.1:1/fanfare"
AT = "2026-11-28T10:00:00+00:00"
# Each state is counted by itself, and both kinds of nodes are added up.
NODES = {
    "idle": 1, "running": 2, "creating": 1, "starting": 2, "waitingForStartTask": 3, "rebooting": 4,
    "reimaging": 5, "startTaskFailed": 6, "unusable": 7, "preempted": 8,
}  # fmt: skip
COUNTS = ("active", "running", "completed", "succeeded", "failed")
TASKS = "/jobs/j/addtaskcollection"


@pytest.fixture
def waits():
    return []


@pytest.fixture
def jobs(client, waits):
    signatures = Signatures(BLOBS, AzureNamedKeyCredential("fanfare", KEY))
    return AzureJobs(client, Specs(signatures), waits.append)


@pytest.mark.parametrize("host", ["acme.azurecr.io", "registry.example"])
def test_a_task_in_a_container_says_what_it_mounts_and_who_logs_in(client, stub, host):
    signatures = Signatures(BLOBS, AzureNamedKeyCredential("fanfare", KEY))
    stub.answer = lambda _m, _p, body: (200, {"value": accepting(body)})
    container = Container(f"{host}/x:1", ["--rm"], [Mount("Task"), Mount("JobPrep", True)])
    AzureJobs(client, Specs(signatures, "/identities/node")).add(
        "j", [task_spec("t", container=container)]
    )
    (task,) = stub.took("POST", TASKS)[0]["value"]
    own = {"registryServer": host, "identityReference": {"resourceId": "/identities/node"}}
    assert task["containerSettings"] == {
        "imageName": f"{host}/x:1",
        "containerRunOptions": "--rm",
        "containerHostBatchBindMounts": [
            {"source": "Task", "isReadOnly": False},
            {"source": "JobPrep", "isReadOnly": True},
        ],
        **({"registry": own} if host.endswith(".azurecr.io") else {}),
    }


def accepting(body, status="success", code=None):
    more = {"error": {"code": code}} if code else {}
    return [{"status": status, "taskId": task["id"], **more} for task in body["value"]]


def rights(url):
    """Return a URL without its signature, and what the signature allows where, and until when."""
    plain, _, query = url.partition("?")
    said = parse_qs(query)
    assert said["sv"][0] >= "2026-04-06"  # earlier versions cannot create a blob in blocks
    assert said["sig"]
    return plain, said["sp"][0], said["sr"][0], said["se"][0]


UNTIL = "2026-09-01T18:00:00Z"


def test_a_job_is_created_open_marked_and_prepared(stub, jobs):
    stub.answer = lambda *_request: (201, {})
    scripts = [InputFile(f"{BLOBS}/scripts/runner.py", "runner.py")]
    jobs.create(job_spec("j", priority=5, preparation="prepare", preparation_inputs=scripts))
    [sent] = stub.took("POST", "/jobs")
    assert (sent["onAllTasksComplete"], sent["priority"]) == ("noaction", 5)
    assert sent["metadata"] == [{"name": "fanfare", "value": "run-1"}]
    assert sent["constraints"]["maxWallClockTime"] == "PT01H00M00S"
    preparation = sent["jobPreparationTask"]
    assert (preparation["commandLine"], preparation["waitForSuccess"]) == ("prepare", True)
    assert preparation["userIdentity"]["autoUser"]["scope"] == "pool"
    [file] = preparation["resourceFiles"]
    assert rights(file.pop("httpUrl")) == (f"{BLOBS}/scripts/runner.py", "r", "b", UNTIL)
    assert file == {"filePath": "runner.py", "fileMode": "0750"}


def test_a_task_names_folders_limits_and_who_reads_and_writes(stub, jobs):
    stub.answer = lambda _method, _path, body: (200, {"value": accepting(body)})
    uploads = [Upload("r-*.json", "receipts", "run/g1/t000000")]
    inputs = [InputFile(f"{BLOBS}/input/a%20b.csv?snapshot=2026-09-01T10%3A00%3A00Z", "in/a")]
    given = {"uploads": uploads, "environment": {"A": "b"}, "retries": 2, "slots": 3}
    jobs.add("j", [task_spec("t", **given, inputs=inputs)])
    [[sent]] = [body["value"] for body in stub.took("POST", TASKS)]
    container = sent["outputFiles"][0]["destination"]["container"]
    assert rights(container["containerUrl"]) == (f"{BLOBS}/receipts", "c", "c", UNTIL)
    assert container["path"] == "run/g1/t000000"
    [file] = sent["resourceFiles"]
    assert rights(file["httpUrl"])[1:] == ("r", "bs", UNTIL)
    assert file["fileMode"] == "0700"
    assert sent["outputFiles"][0]["uploadOptions"] == {"uploadCondition": "taskcompletion"}
    assert sent["environmentSettings"] == [{"name": "A", "value": "b"}]
    assert (sent["constraints"]["maxTaskRetryCount"], sent["requiredSlots"]) == (2, 3)
    assert sent["userIdentity"] == {"autoUser": {"scope": "task", "elevationLevel": "nonadmin"}}


def test_no_node_gets_a_url_outside_the_account(jobs):
    for url in ("http://elsewhere/scripts/a", f"{BLOBS}x/scripts/a", f"{BLOBS}/scripts", BLOBS):
        with pytest.raises(Permanent, match="no blob of the account"):
            jobs.add("j", [task_spec("t", inputs=[InputFile(url, "a")])])


def test_tasks_go_in_order_a_hundred_a_call(stub, jobs):
    stub.answer = lambda _method, _path, body: (200, {"value": accepting(body)})
    jobs.add("j", [task_spec(f"t{number:03}") for number in range(230)])
    sent = [[task["id"] for task in body["value"]] for body in stub.took("POST", TASKS)]
    assert [len(ids) for ids in sent] == [100, 100, 30]
    assert [task for ids in sent for task in ids] == [f"t{number:03}" for number in range(230)]


def test_tasks_that_an_answer_leaves_out_are_added_again(stub, jobs, waits):
    answers = iter([{}, {"value": [{"taskId": "a", "status": "success"}, "?"]}, None])

    def answer(_method, _path, body):
        return 200, found if (found := next(answers)) is not None else {"value": accepting(body)}

    stub.answer = answer
    jobs.add("j", [task_spec("a"), task_spec("b")])
    sent = [[task["id"] for task in body["value"]] for body in stub.took("POST", TASKS)]
    assert sent == [["a", "b"], ["a", "b"], ["b"]]
    assert waits == [0.5, 1.0]


def test_a_body_that_is_too_large_is_halved(stub, jobs, waits):
    def answer(_method, _path, body):
        fits = len(body["value"]) <= 10
        return (200, {"value": accepting(body)}) if fits else error(413, "RequestBodyTooLarge")

    stub.answer = answer
    jobs.add("j", [task_spec(f"t{number}") for number in range(40)])
    accepted = [body for body in stub.took("POST", TASKS) if len(body["value"]) <= 10]
    assert sum(len(body["value"]) for body in accepted) == 40
    assert waits == []


def test_one_task_that_is_too_large_is_refused(stub, jobs):
    stub.answer = lambda *_request: error(413, "RequestBodyTooLarge")
    with pytest.raises(Permanent):
        jobs.add("j", [task_spec("t")])


def test_tasks_that_met_a_server_error_are_sent_again_alone(stub, jobs, waits):
    def answer(_method, _path, body):
        results = accepting(body)
        if len(body["value"]) > 1:
            results[1] |= {"status": "servererror", "error": {"code": "InternalError"}}
        return 200, {"value": results}

    stub.answer = answer
    jobs.add("j", [task_spec("t0"), task_spec("t1"), task_spec("t2")])
    sent = [[task["id"] for task in body["value"]] for body in stub.took("POST", TASKS)]
    assert sent == [["t0", "t1", "t2"], ["t1"]]
    assert waits == [0.5]


def test_a_service_that_never_recovers_is_left_after_a_minute(stub, jobs, waits):
    stub.answer = lambda _m, _p, body: (200, {"value": accepting(body, "servererror", "Busy")})
    with pytest.raises(Transient):
        jobs.add("j", [task_spec("t")])
    assert waits == sorted(waits)
    assert 60 <= sum(waits) < 75


@pytest.mark.parametrize(
    ("code", "expected"),
    [("TaskExists", None), ("JobCompleted", JobGone), ("InvalidPropertyValue", Permanent)],
)
def test_client_errors_of_one_task_are_distinguished_by_code(stub, jobs, code, expected):
    stub.answer = lambda _m, _p, body: (200, {"value": accepting(body, "clienterror", code)})
    if expected is None:
        jobs.add("j", [task_spec("t")])
        return
    with pytest.raises(expected, match="t.*" + code):
        jobs.add("j", [task_spec("t")])


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (404, "JobNotFound", JobGone),
        (409, "JobCompleted", JobGone),
        (409, "JobBeingTerminated", JobGone),
        (409, "JobBeingDeleted", JobGone),
        (409, "OperationInvalidForCurrentState", Transient),
        (400, "InvalidRequestBody", Permanent),
        (403, "AuthenticationFailed", Transient),
        (429, "TooManyRequests", Transient),
        (503, "ServerBusy", Transient),
    ],
)
def test_errors_of_the_whole_call_are_distinguished_by_code(stub, jobs, status, code, expected):
    stub.answer = lambda *_request: error(status, code)
    with pytest.raises(expected, match=code):
        jobs.add("j", [task_spec("t")])


def test_a_full_account_is_a_quota_and_an_existing_job_is_fine(stub, jobs):
    stub.answer = lambda *_request: error(409, "ActiveJobAndScheduleQuotaReached")
    with pytest.raises(QuotaReached):
        jobs.create(job_spec("j"))
    stub.answer = lambda *_request: error(409, "JobExists")
    jobs.create(job_spec("j"))


def test_terminating_asks_once_and_does_not_wait(stub, jobs):
    stub.answer = lambda *_request: (202, {})
    jobs.terminate("j")
    assert [request[:2] for request in stub.requests] == [("POST", "/jobs/j/terminate")]


def test_reaping_leaves_jobs_of_others_alone(stub, jobs):
    mine = {"id": "mine", "metadata": [{"name": "fanfare", "value": "run"}]}
    listing = {"value": [mine, {"id": "theirs"}]}
    stub.answer = lambda method, *_rest: (200, listing) if method == "GET" else (202, {})
    assert list(jobs.reap(START)) == ["mine"]
    assert stub.took("DELETE", "/jobs/mine") == [None]
    assert stub.took("DELETE", "/jobs/theirs") == []


@pytest.mark.parametrize(
    "code", ["JobPreparationTaskOrReleaseTaskNotSpecified", "JobPreparationTaskNotSpecified"]
)
def test_a_job_without_a_preparation_has_no_preparation_error(stub, client, code):
    answers = {
        "/jobs/j": (200, {"id": "j", "state": "active"}),
        "/jobs/j/taskcounts": (200, {"taskCounts": dict.fromkeys(COUNTS, 1)}),
        "/jobs/j/jobpreparationandreleasetaskstatus": error(409, code),
    }
    stub.answer = lambda _method, path, _body: answers[path]
    assert AzureCluster(client).job("j").preparation == Preparation()


def test_what_batch_keeps_of_jobs_pools_and_nodes_is_reported(stub, client):
    failed = {"failureInfo": {"category": "usererror", "code": "FailureExitCode", "message": "no"}}
    answers = {
        "/jobs/j": {"id": "j", "state": "active"},
        "/jobs/j/taskcounts": {"taskCounts": dict.fromkeys(COUNTS, 1)},
        "/jobs/j/jobpreparationandreleasetaskstatus": {
            "value": [
                {"nodeId": "n1", "jobPreparationTaskExecutionInfo": {**failed, "exitCode": 1}}
            ]
        },
        "/pools/p": {
            "state": "active",
            "allocationState": "steady",
            "currentDedicatedNodes": 1,
            "currentLowPriorityNodes": 2,
            "targetDedicatedNodes": 3,
            "targetLowPriorityNodes": 4,
            "resizeErrors": [{"code": "AccountCoreQuotaReached", "message": "full"}],
            "autoScaleRun": {"timestamp": AT, "error": {"code": "AutoScaleTooFewSamples"}},
            "allocationStateTransitionTime": AT,
        },
        "/nodecounts": {"value": [{"poolId": "p", "dedicated": NODES, "lowPriority": NODES}]},
        "/pools/p/nodes": {
            "value": [{"id": "n1"}, {"id": "n2", "startTaskInfo": {**failed, "exitCode": 7}}]
        },
    }
    stub.answer = lambda _method, path, _body: (200, answers[path])
    cluster = AzureCluster(client)
    prepared = cluster.job("j").preparation
    assert prepared.failed == Trouble("FailureExitCode", "no (exit code 1)", "n1")
    pool = cluster.pool("p")
    assert (pool.nodes, pool.target_nodes) == (3, 7)
    assert pool.counts == NodeCounts(2, 4, 30, 12, 14, 16)
    assert pool.resize_error == Trouble("AccountCoreQuotaReached", "full")
    assert pool.autoscale_error == Trouble("AutoScaleTooFewSamples", "")
    assert pool.node_error == Trouble("FailureExitCode", "no (exit code 7)", "n2")
    assert pool.since == datetime.fromisoformat(AT)


def test_an_error_of_a_node_that_is_unusable_is_reported(stub, client):
    unusable = {"code": "ContainerInvalidImage", "message": "no such image"}
    answers = {
        "/pools/p": {"state": "active", "currentDedicatedNodes": 1, "currentLowPriorityNodes": 0},
        "/nodecounts": {"value": [{"poolId": "p", "dedicated": {"unusable": 1}}]},
        "/pools/p/nodes": {"value": [{"id": "n1", "errors": [unusable]}]},
    }
    stub.answer = lambda _method, path, _body: (200, answers[path])
    found = AzureCluster(client).pool("p").node_error
    assert found == Trouble("ContainerInvalidImage", "no such image", "n1")


@pytest.mark.parametrize("status", [404, 409])
def test_a_node_that_is_gone_has_no_last_words(stub, client, status):
    stub.answer = lambda *_request: error(status, "NodeNotFound")
    assert AzureCluster(client).last_words("p", "n1") == ""


@pytest.mark.parametrize(
    ("status", "code"), [(409, "PoolBeingResized"), (503, "TooManyEnableAutoScaleRequests")]
)
def test_a_formula_that_is_refused_just_now_may_be_pushed_later(stub, client, status, code):
    stub.answer = lambda *_request: error(status, code)
    with pytest.raises(Transient):
        AzureCluster(client).push_formula("p", "$TargetDedicatedNodes = 0;")


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "FileNotFound"), (404, "TaskNotFound"), (409, "NodeNotReady"), (409, "JobNotFound")],
)
def test_a_file_that_cannot_be_read_yet_or_no_more_is_none(stub, client, status, code):
    stub.answer = lambda *_request: error(status, code)
    assert AzureCluster(client).task_file("j", "t", "wd/live.txt", 0) is None


def test_a_busy_service_is_not_taken_for_a_missing_file(stub, client):
    stub.answer = lambda *_request: error(503, "ServerBusy")
    with pytest.raises(Transient):
        AzureCluster(client).task_file("j", "t", "wd/live.txt", 0)
