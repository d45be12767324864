"""What a client of the real service sees: shapes, codes, headers, lists."""

import base64
from datetime import timedelta

import pytest
from azure.batch import BatchClient, models
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.patience import until


@pytest.fixture(scope="module")
def pool(emulator: Emulator) -> str:
    return emulator.add_pool("wire", nodes=2, slots=4)


def code_of(error: pytest.ExceptionInfo[HttpResponseError]) -> str:
    return error.value.error.code


def test_a_new_pool_is_steady_with_idle_nodes(emulator: Emulator, pool: str) -> None:
    found = emulator.client.get_pool(pool)
    assert (found.state, found.allocation_state, found.current_dedicated_nodes) == (
        "active",
        "steady",
        2,
    )
    assert {node.state for node in emulator.client.list_nodes(pool)} == {"idle"}
    assert found.resize_timeout == timedelta(minutes=15)


def test_unknown_things_are_named(emulator: Emulator) -> None:
    for call, code in (
        (lambda: emulator.client.get_pool("none"), "PoolNotFound"),
        (lambda: emulator.client.get_job("none"), "JobNotFound"),
        (lambda: list(emulator.client.list_tasks("none")), "JobNotFound"),
    ):
        with pytest.raises(HttpResponseError) as error:
            call()
        assert code_of(error) == code


def test_a_wrong_key_is_refused(emulator: Emulator) -> None:
    key = base64.b64encode(b"another key").decode()
    with (
        BatchClient(emulator.endpoint, AzureNamedKeyCredential(ACCOUNT, key)) as client,
        pytest.raises(HttpResponseError) as error,
    ):
        list(client.list_pools())
    assert error.value.status_code == 403
    assert code_of(error) == "AuthenticationFailed"


def test_an_endpoint_may_carry_the_account_as_prefix(emulator: Emulator, pool: str) -> None:
    with BatchClient(
        f"{emulator.endpoint}/{ACCOUNT}", AzureNamedKeyCredential(ACCOUNT, KEY)
    ) as client:
        assert client.get_pool(pool).url.startswith(f"{emulator.endpoint}/{ACCOUNT}/pools/")


def test_what_is_not_implemented_names_itself(emulator: Emulator) -> None:
    hidden = models.BatchPublicIpAddressConfiguration(
        ip_address_provisioning_type="nopublicipaddresses"
    )
    network = models.NetworkConfiguration(public_ip_address_configuration=hidden)
    emulator.add_pool("hidden", network_configuration=network)
    (node,) = emulator.client.list_nodes("hidden")
    with pytest.raises(HttpResponseError) as error:
        emulator.client.get_node_remote_login_settings("hidden", node.id)
    assert error.value.status_code == 501
    assert "get_node_remote_login_settings" in str(error.value)


def test_a_task_shows_the_services_defaults(emulator: Emulator, pool: str) -> None:
    emulator.add_job("defaults", pool)
    emulator.add_task("defaults", "one", "sleep 0")
    task = emulator.client.get_task("defaults", "one")
    assert task.constraints.max_task_retry_count == 0
    assert task.constraints.retention_time == timedelta(days=7)
    assert (task.required_slots, task.user_identity.auto_user.scope) == (1, "pool")
    assert task.execution_info.requeue_count == 0


def test_a_collection_reports_each_task_on_its_own(emulator: Emulator, pool: str) -> None:
    emulator.add_job("mixed", pool)
    emulator.add_task("mixed", "b", "true")
    tasks = [models.BatchTaskCreateOptions(id=one, command_line="true") for one in ("a", "B", "c!")]
    results = emulator.client.create_task_collection(
        "mixed", models.BatchTaskGroup(task_values=tasks)
    ).result_values
    found = {one.task_id: (one.status, one.error.code if one.error else None) for one in results}
    assert found["a"] == ("success", None)
    assert found["B"] == ("clienterror", "TaskExists")
    assert found["c!"] == ("clienterror", "InvalidPropertyValue")


def test_lists_are_filtered_selected_and_paged(emulator: Emulator, pool: str) -> None:
    emulator.add_job("lists", pool)
    tasks = [
        models.BatchTaskCreateOptions(id=f"t{n}", command_line="false" if n % 3 == 0 else "true")
        for n in range(30)
    ]
    emulator.client.create_tasks("lists", tasks)
    until(lambda: emulator.client.get_job_task_counts("lists").task_counts.completed == 30)
    failed = "state eq 'completed' and executionInfo/result eq 'failure'"
    found = list(
        emulator.client.list_tasks("lists", filter=failed, select=["id", "state"], max_results=4)
    )
    assert sorted(one.id for one in found) == sorted(f"t{n}" for n in range(0, 30, 3))
    assert found[0].command_line is None
    counts = emulator.client.get_job_task_counts("lists")
    assert (counts.task_counts.succeeded, counts.task_slot_counts.failed) == (20, 10)


def test_a_filter_on_an_unknown_property_is_refused(emulator: Emulator, pool: str) -> None:
    for wrong in ("colour eq 'red'", "state eq", "state like 'x'"):
        with pytest.raises(HttpResponseError) as error:
            list(emulator.client.list_pools(filter=wrong))
        assert code_of(error) == "InvalidQueryParameterValue"


def test_a_job_ends_with_its_last_task_once_told_to(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("ending", pool, priority=5)
    emulator.add_task(job, "one", "true")
    options = models.BatchJobUpdateOptions(all_tasks_complete_mode="terminatejob")
    emulator.client.update_job(job, options)
    found = until(lambda: _completed(emulator, job))
    assert (found.execution_info.termination_reason, found.priority) == ("AllTasksComplete", 5)
    with pytest.raises(HttpResponseError) as error:
        emulator.add_task(job, "two", "true")
    assert code_of(error) == "JobCompleted"


def _completed(emulator: Emulator, job: str) -> models.BatchJob | None:
    found = emulator.client.get_job(job)
    return found if found.state == "completed" else None


def test_etags_move_with_users_changes_only(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("etags", pool)
    before = emulator.client.get_job(job)
    emulator.run(job, "one", "true")
    same = emulator.client.get_job(job)
    emulator.client.update_job(job, models.BatchJobUpdateOptions(priority=7))
    assert before.etag == same.etag != emulator.client.get_job(job).etag


def test_a_deleted_job_is_gone_with_its_tasks(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("deleted", pool)
    emulator.add_task(job, "long", "sleep 100")
    emulator.client.begin_delete_job(job, polling_interval=0.05).result()
    assert job not in {one.id for one in emulator.client.list_jobs()}
    emulator.add_job(job, pool)
    assert list(emulator.client.list_tasks(job)) == []


def test_terminating_a_job_ends_running_tasks_and_leaves_waiting_ones(emulator: Emulator) -> None:
    emulator.add_pool("narrow", nodes=1, slots=1)
    job = emulator.add_job("cut", "narrow")
    for name in ("first", "second"):
        emulator.add_task(job, name, "sleep 100")
    until(lambda: emulator.client.get_task(job, "first").state == "running")
    emulator.client.begin_terminate_job(
        job, {"terminateReason": "UserTerminate"}, polling_interval=0.05
    ).result()
    first, second = (emulator.client.get_task(job, name) for name in ("first", "second"))
    assert (first.state, first.execution_info.failure_info.code) == ("completed", "TaskEnded")
    assert second.state == "active"
    assert emulator.client.get_job(job).execution_info.termination_reason == "UserTerminate"


def test_a_body_over_one_megabyte_is_refused(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("large", pool)
    with pytest.raises(HttpResponseError) as error:
        emulator.add_task(job, "one", "echo " + "x" * (1 << 20))
    assert (error.value.status_code, code_of(error)) == (413, "RequestBodyTooLarge")


def test_the_job_quota_is_a_conflict_with_its_own_code(tmp_path) -> None:
    running = Emulator(tmp_path, "--active-job-quota", "1")
    try:
        running.add_pool("p", nodes=0)
        running.add_job("one", "p")
        with pytest.raises(HttpResponseError) as error:
            running.add_job("two", "p")
        assert (error.value.status_code, code_of(error)) == (
            409,
            "ActiveJobAndScheduleQuotaReached",
        )
    finally:
        running.stop()
