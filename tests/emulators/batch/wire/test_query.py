"""Queries and headers of requests: which are understood, and how others are refused."""

import asyncio
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core import MatchConditions
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.patience import until

BEFORE_YEAR_1 = "datetime'0001-01-01T00:00:00%2B14:00'"


@pytest.fixture(scope="module")
def job(emulator: Emulator) -> str:
    emulator.add_pool("queried", nodes=0)
    emulator.add_job("queried", "queried", display_name="Frage")
    tasks = [models.BatchTaskCreateOptions(id=f"t{n}", command_line="true") for n in range(7)]
    emulator.client.create_tasks("queried", tasks)
    return "queried"


@pytest.mark.parametrize(
    ("query", "code", "name"),
    [
        ("$filter=colour%20eq%20'red'", "InvalidQueryParameterValue", "$filter"),
        ("$filter=state%20gt%20'active'", "InvalidQueryParameterValue", "$filter"),
        ("$select=id,colour", "InvalidQueryParameterValue", "$select"),
        ("$expand=everything", "InvalidQueryParameterValue", "$expand"),
        ("maxresults=0", "InvalidQueryParameterValue", "maxresults"),
        ("maxresults=1001", "InvalidQueryParameterValue", "maxresults"),
        ("maxresults=many", "InvalidQueryParameterValue", "maxresults"),
        ("maxresults=%D9%A3", "InvalidQueryParameterValue", "maxresults"),
        ("timeOut=0", "OutOfRangeQueryParameterValue", "timeout"),
        ("timeOut=soon", "InvalidQueryParameterValue", "timeout"),
        ("$skiptoken=5", "InvalidQueryParameterValue", "$skiptoken"),
        ("$skiptoken=2!00000000", "InvalidQueryParameterValue", "$skiptoken"),
        (f"$skiptoken={'9' * 5_000}!0", "InvalidQueryParameterValue", "$skiptoken"),
        (f"$filter=creationTime%20gt%20{BEFORE_YEAR_1}", "InvalidQueryParameterValue", "$filter"),
        ("$top=5", "UnsupportedQueryParameter", "$top"),
        ("maxresults=5&maxResults=6", "InvalidQueryParameterValue", "maxResults"),
    ],
)
def test_a_bad_parameter_is_refused_by_name(
    emulator: Emulator, job: str, query: str, code: str, name: str
) -> None:
    status, found, values = refusal(send(emulator, "GET", f"/jobs/{job}/tasks?{query}"))
    assert (status, found) == (400, code)
    assert values["QueryParameterName"] == name


def test_versions_of_the_field_are_served_and_others_named(emulator: Emulator) -> None:
    for version in ("2025-06-01", "2024-07-01.20.0", "2024-02-01.19.0", "2022-10-01.16.0"):
        assert send(emulator, "GET", "/pools", version=version).status_code == 200
    assert refusal(send(emulator, "GET", "/pools", version="1999-01-01.1.0"))[:2] == (
        400,
        "UnsupportedRequestVersion",
    )
    missing = refusal(send(emulator, "GET", "/pools", version=None))
    assert missing[1:] == ("MissingRequiredQueryParameter", {"QueryParameterName": "api-version"})


def test_names_of_parameters_and_paths_are_read_without_regard_to_case(
    emulator: Emulator, job: str
) -> None:
    answer = send(emulator, "GET", f"/Jobs/{job}/TASKS?MaxResults=2&TIMEOUT=90&$SELECT=ID,%20state")
    assert [sorted(one) for one in answer.json()["value"]] == [["id", "state"]] * 2


def test_the_next_link_is_absolute_and_keeps_every_parameter(emulator: Emulator, job: str) -> None:
    asked = "$filter=startswith(id,'t')&$select=id&maxresults=3&timeOut=20&extra=a%20b"
    seen, url = [], f"/jobs/{job}/tasks?{asked}"
    answer = send(emulator, "GET", url).json()
    link = urlsplit(answer["odata.nextLink"])
    assert f"{link.scheme}://{link.netloc}{link.path}" == f"{emulator.endpoint}/jobs/{job}/tasks"
    kept = {name: value[0] for name, value in parse_qs(link.query).items()}
    assert kept.pop("$skiptoken")
    assert kept == {
        "$filter": "startswith(id,'t')",
        "$select": "id",
        "maxresults": "3",
        "timeOut": "20",
        "extra": "a b",
        "api-version": "2025-06-01",
    }
    while True:
        seen += [one["id"] for one in answer["value"]]
        if "odata.nextLink" not in answer:
            break
        path = answer["odata.nextLink"].removeprefix(emulator.endpoint)
        answer = send(emulator, "GET", path, version=None).json()
    assert sorted(seen) == [f"t{n}" for n in range(7)]


def test_a_continuation_of_another_list_is_refused(emulator: Emulator, job: str) -> None:
    link = send(emulator, "GET", f"/jobs/{job}/tasks?maxresults=2").json()["odata.nextLink"]
    token = parse_qs(urlsplit(link).query)["$skiptoken"][0]
    other = f"/jobs/{job}/tasks?$filter=id%20eq%20't1'&$skiptoken={token}"
    assert refusal(send(emulator, "GET", other))[1] == "InvalidQueryParameterValue"


@pytest.mark.parametrize(
    ("condition", "reads", "writes"),
    [
        ({"If-Match": "0xDEAD"}, 304, 412),
        ({"If-Match": "*"}, 200, 200),
        ({"If-None-Match": "*"}, 304, 412),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 304, 412),
        ({"If-Unmodified-Since": "Sat, 01 Jan 2000 00:00:00 GMT"}, 304, 412),
        ({"If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"}, 200, 200),
        ({"If-Match": "*", "If-None-Match": "0x1"}, 400, 400),
        ({"If-Modified-Since": "whenever"}, 400, 400),
        ({"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00"}, 304, 412),
    ],
)
def test_conditions_are_304_on_reads_and_412_on_writes(
    emulator: Emulator, job: str, condition: dict[str, str], reads: int, writes: int
) -> None:
    answer = send(emulator, "GET", f"/jobs/{job}", headers=condition)
    assert answer.status_code == reads
    changed = send(emulator, "PATCH", f"/jobs/{job}", {"priority": 1}, headers=condition)
    assert changed.status_code == writes


def test_an_operation_without_conditions_does_not_heed_them(emulator: Emulator, job: str) -> None:
    headers = {"If-Match": "0xDEAD"}
    assert send(emulator, "GET", f"/jobs/{job}/taskcounts", headers=headers).status_code == 200


def test_a_matching_etag_lets_the_sdk_update_once(emulator: Emulator, job: str) -> None:
    etag = emulator.client.get_job(job).etag
    options = models.BatchJobUpdateOptions(priority=9)
    unmoved = {"etag": etag, "match_condition": MatchConditions.IfNotModified}
    emulator.client.update_job(job, options, **unmoved)
    with pytest.raises(HttpResponseError) as error:
        emulator.client.update_job(job, options, **unmoved)
    assert error.value.status_code == 412


def test_the_async_client_pages_and_filters_alike(emulator: Emulator, job: str) -> None:
    async def names() -> list[str]:
        credential = AzureNamedKeyCredential(ACCOUNT, KEY)
        async with AsyncBatchClient(emulator.endpoint, credential) as client:
            found = client.list_tasks(
                job, filter="id ge 't3'", select=["id"], max_results=2, service_timeout=20
            )
            return [one.id async for one in found]

    assert sorted(asyncio.run(names())) == ["t3", "t4", "t5", "t6"]


def test_a_verb_that_a_resource_lacks_and_a_path_that_leads_nowhere(emulator: Emulator) -> None:
    assert refusal(send(emulator, "PUT", "/pools"))[:2] == (405, "UnsupportedHttpVerb")
    for path in ("/", "/poolz", "/jobs/a/b/c/d/e"):
        assert refusal(send(emulator, "GET", path))[:2] == (404, "InvalidUri")


def test_what_is_deleted_while_a_list_is_read_takes_nothing_else_out_of_it(
    emulator: Emulator,
) -> None:
    names = [f"deleted-{number}" for number in range(9)]
    for name in names:
        emulator.add_job(name, "nowhere")
    seen = []
    for job in emulator.client.list_jobs(filter="startswith(id, 'deleted-')", max_results=2):
        seen.append(job.id)
        emulator.client.begin_delete_job(job.id, polling_interval=0.01).wait()
    assert seen == names


def test_nodes_that_leave_while_they_are_listed_take_no_other_out_of_the_list(
    emulator: Emulator,
) -> None:
    pool = emulator.add_pool("listed", nodes=5)
    nodes = until(lambda: list(emulator.client.list_nodes(pool)))
    seen = []
    for node in emulator.client.list_nodes(pool, max_results=2):
        seen.append(node.id)
        leave = models.BatchNodeRemoveOptions(node_ids=[node.id])
        emulator.client.begin_remove_nodes(pool, leave, polling_interval=0.01).wait()
    assert seen == [node.id for node in nodes]


def test_lists_are_in_order_of_creation_after_a_restart_as_well(tmp_path: Path) -> None:
    running = Emulator(tmp_path)
    names = ["c", "a", "b"]
    for name in names:
        running.add_pool(name, nodes=0)
        running.add_job(name, name)
    running.stop()
    running.start()
    assert [pool.id for pool in running.client.list_pools()] == names
    assert [job.id for job in running.client.list_jobs()] == names
    running.stop()
