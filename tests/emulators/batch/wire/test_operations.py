"""Each operation through its SDK method, sync and async, unless another test calls it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from azure.batch import models
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import ACCOUNT, KEY, Emulator, shell
from tests.patience import until


@pytest.fixture(scope="module")
def pool(emulator: Emulator) -> str:
    return emulator.add_pool("operated", nodes=2)


def idle_node(emulator: Emulator, pool: str) -> str:
    return until(
        lambda: next(
            (one.id for one in emulator.client.list_nodes(pool) if one.state == "idle"), ""
        )
    )


def test_the_account_lists_images_and_nothing_it_does_not_have(emulator: Emulator) -> None:
    client = emulator.client
    linux = list(client.list_supported_images(filter="osType eq 'linux'"))
    assert "batch.node.debian 12" in {one.node_agent_sku_id for one in linux}
    assert list(client.list_pool_usage_metrics()) == []
    with pytest.raises(ResourceNotFoundError):
        client.get_application("none")
    assert "none" not in {one.id for one in client.list_applications()}


def test_a_pool_is_patched_and_replaced(emulator: Emulator, pool: str) -> None:
    client, note = emulator.client, [models.BatchMetadataItem(name="a", value="b")]
    client.update_pool(pool, models.BatchPoolUpdateOptions(metadata=note))
    assert client.get_pool(pool).metadata[0].value == "b"
    client.replace_pool_properties(
        pool, models.BatchPoolReplaceOptions(application_package_references=[], metadata=[])
    )
    assert not client.get_pool(pool).metadata


def test_what_exists_is_told_by_head(emulator: Emulator, pool: str) -> None:
    assert emulator.client.pool_exists(pool) is True
    with pytest.raises(ResourceNotFoundError):
        emulator.client.pool_exists("nowhere")


def test_counts_of_nodes_add_up(emulator: Emulator, pool: str) -> None:
    counts = emulator.client.list_pool_node_counts(filter=f"poolId eq '{pool}'")
    (found,) = list(counts)
    assert (found.dedicated.total, found.low_priority.total) == (2, 0)


def test_nodes_can_be_taken_out_by_name(emulator: Emulator) -> None:
    pool = emulator.add_pool("thinned", nodes=2)
    gone = idle_node(emulator, pool)
    options = models.BatchNodeRemoveOptions(node_ids=[gone])
    emulator.client.begin_remove_nodes(pool, options, polling_interval=0.05).result()
    assert gone not in {one.id for one in emulator.client.list_nodes(pool)}
    with pytest.raises(HttpResponseError):
        emulator.client.begin_remove_nodes(
            pool, models.BatchNodeRemoveOptions(node_ids=["x"] * 101)
        )


def test_autoscale_is_turned_off_and_the_size_stays(emulator: Emulator) -> None:
    pool = emulator.add_pool("unscaled", auto_scale_formula="$TargetDedicatedNodes=1;")
    emulator.client.disable_pool_auto_scale(pool)
    found = emulator.client.get_pool(pool)
    assert (found.enable_auto_scale, found.target_dedicated_nodes) == (False, 1)


def test_a_node_takes_users_reboots_and_stops_taking_tasks(emulator: Emulator, pool: str) -> None:
    client, node = emulator.client, idle_node(emulator, pool)
    client.create_node_user(pool, node, models.BatchNodeUserCreateOptions(name="ada", password="x"))
    client.replace_node_user(pool, node, "ada", models.BatchNodeUserReplaceOptions(password="y"))
    client.delete_node_user(pool, node, "ada")
    # Without options the SDK fails before it sends anything.
    paused = models.BatchNodeDisableSchedulingOptions(node_disable_scheduling_option="requeue")
    client.disable_node_scheduling(pool, node, paused)
    assert client.get_node(pool, node).scheduling_state == "disabled"
    client.enable_node_scheduling(pool, node)
    reboot = {"nodeRebootOption": "requeue"}
    client.begin_reboot_node(pool, node, reboot, polling_interval=0.05).result()
    assert until(lambda: client.get_node(pool, node).state == "idle")
    reimage = {"nodeReimageOption": "terminate"}
    client.begin_reimage_node(pool, node, reimage, polling_interval=0.05).result()
    assert until(lambda: client.get_node(pool, node).state == "idle")


def test_a_task_is_replaced_ended_and_deleted(emulator: Emulator, pool: str) -> None:
    client, job = emulator.client, emulator.add_job("operated", pool)
    emulator.add_task(job, "long", "sleep 100")
    task = client.get_task(job, "long")
    task.constraints = models.BatchTaskConstraints(max_task_retry_count=3)
    client.replace_task(job, "long", task)
    assert client.get_task(job, "long").constraints.max_task_retry_count == 3
    assert list(client.list_subtasks(job, "long")) == []
    client.terminate_task(job, "long")
    assert emulator.finished(job, "long").execution_info.failure_info.code == "TaskEnded"
    client.reactivate_task(job, "long")
    client.delete_task(job, "long")
    with pytest.raises(ResourceNotFoundError):
        client.get_task(job, "long")


def test_files_of_tasks_and_nodes_are_seen_and_deleted(emulator: Emulator, pool: str) -> None:
    client, job = emulator.client, emulator.add_job("filed", pool)
    node = emulator.run(job, "t", shell("echo text > a.txt")).node_info.node_id
    names = {one.name for one in client.list_task_files(job, "t", recursive=True)}
    assert {"stdout.txt", "wd/a.txt"} <= names
    assert client.get_task_file_properties(job, "t", "wd/a.txt").content_length == 5
    on_node = f"workitems/{job}/job-1/t/wd/a.txt"
    assert client.get_node_file_properties(pool, node, on_node).content_length == 5
    assert b"".join(client.download_node_file(pool, node, on_node)) == b"text\n"
    assert "workitems" in {one.name for one in client.list_node_files(pool, node)}
    client.delete_node_file(pool, node, on_node)
    with pytest.raises(HttpResponseError) as error:
        client.delete_task_file(job, "t", "wd/a.txt")
    assert error.value.error.code == "FileNotFound"


_ODD = ["a b", "100%", "%41", "q?x#y", "new\nline", "back\\slash", "plus+;&=", "日本", ".hidden"]


def test_files_of_any_name_are_listed_under_addresses_that_lead_to_them(
    emulator: Emulator, pool: str, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(f"for name in {_ODD!r}: open(name, 'w').write(name)\n")
    job = emulator.add_job("odd", pool)
    emulator.run(job, "t", f"{sys.executable} {script}")
    listed = {
        one.name: one.url
        for one in emulator.client.list_task_files(job, "t", recursive=True)
        if not one.is_directory
    }
    assert {f"wd/{name}" for name in _ODD} < set(listed)
    for name in _ODD:
        content = b"".join(emulator.client.download_task_file(job, "t", f"wd/{name}"))
        assert content.decode() == name
        path = listed[f"wd/{name}"].removeprefix(emulator.endpoint)
        assert send(emulator, "HEAD", path).headers["Content-Length"] == str(len(content))


def test_pipes_and_links_that_leave_the_node_are_no_files(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("piped", pool)
    script = (
        "mkfifo pipe; ln -s /etc/passwd out; ln -s nowhere broken; echo in > file; ln -s file in"
    )
    emulator.run(
        job, "t", shell(f"{script}; ln -s $AZ_BATCH_NODE_SHARED_DIR shared; echo 1 > shared/x")
    )
    names = {one.name for one in emulator.client.list_task_files(job, "t", recursive=True)}
    assert not {"wd/pipe", "wd/broken"} & names
    for name in ("pipe", "out", "broken", ".."):
        refused = refusal(send(emulator, "GET", f"/jobs/{job}/tasks/t/files/wd%2F{name}"))
        assert refused[:2] == (404, "FileNotFound")
    assert emulator.file(job, "t", "wd/in") == "in\n"
    assert emulator.file(job, "t", "wd/shared/x") == "1\n"


def test_files_of_linux_nodes_have_no_time_of_creation(emulator: Emulator, pool: str) -> None:
    job = emulator.add_job("linux", pool)
    emulator.run(job, "t", "true")
    (stdout, *_) = send(emulator, "GET", f"/jobs/{job}/tasks/t/files").json()["value"]
    assert "creationTime" not in stdout["properties"]
    headers = send(emulator, "HEAD", f"/jobs/{job}/tasks/t/files/stdout.txt").headers
    assert "ocp-creation-time" not in headers
    assert headers["ocp-batch-file-mode"] == stdout["properties"]["fileMode"]


def test_a_request_id_of_the_client_comes_back_when_that_is_asked_for(emulator: Emulator) -> None:
    own = {"client-request-id": "mine"}
    assert "client-request-id" not in send(emulator, "GET", "/pools", headers=own).headers
    asked = send(emulator, "GET", "/pools", headers={**own, "return-client-request-id": "true"})
    assert asked.headers["client-request-id"] == "mine"


@pytest.mark.parametrize("name", ["%00", "a%00b", "x" * 5000, "..%2F..%2Fetc", "%2Fetc%2Fpasswd"])
def test_what_is_no_name_of_a_file_is_not_found(emulator: Emulator, pool: str, name: str) -> None:
    folder = f"/pools/{pool}/nodes/{idle_node(emulator, pool)}/files"
    assert refusal(send(emulator, "GET", f"{folder}/{name}"))[:2] == (404, "FileNotFound")


def test_a_job_is_replaced_disabled_and_enabled(emulator: Emulator, pool: str) -> None:
    client, job = emulator.client, emulator.add_job("switched", pool, priority=7)
    found = client.get_job(job)
    found.priority = None
    client.replace_job(job, found)
    assert client.get_job(job).priority == 0
    options = models.BatchJobDisableOptions(disable_tasks="requeue")
    client.begin_disable_job(job, options, polling_interval=0.05).result()
    assert client.get_job(job).state == "disabled"
    client.begin_enable_job(job, polling_interval=0.05).result()
    assert client.get_job(job).state == "active"


def test_stopping_a_resize_that_is_over_is_a_conflict(emulator: Emulator, pool: str) -> None:
    with pytest.raises(HttpResponseError) as error:
        emulator.client.begin_stop_pool_resize(pool)
    assert error.value.error.code == "OperationInvalidForCurrentState"


def test_a_node_has_the_extensions_of_its_pool_and_the_services_own(emulator: Emulator) -> None:
    wanted = {
        "name": "vault",
        "publisher": "Microsoft.Azure.KeyVault",
        "type": "KeyVaultForLinux",
        "protectedSettings": {"token": "hush"},
    }
    machine = {
        "imageReference": {"publisher": "debian", "offer": "debian-12", "sku": "12"},
        "nodeAgentSKUId": "batch.node.debian 12",
        "extensions": [wanted],
    }
    body = {
        "id": "extended",
        "vmSize": "standard_d2s_v5",
        "virtualMachineConfiguration": machine,
        "targetDedicatedNodes": 1,
    }
    assert send(emulator, "POST", "/pools", body).status_code == 201
    client, node = emulator.client, idle_node(emulator, "extended")
    listed = list(client.list_node_extensions("extended", node))
    assert [one.vm_extension.name for one in listed] == ["vault", "batchNodeExtension"]
    found = client.get_node_extension("extended", node, "vault")
    assert "nothing was installed" in found.instance_view.statuses[0].message
    assert "hush" not in send(emulator, "GET", "/pools/extended").text()
    assert found.vm_extension.protected_settings is None
    with pytest.raises(ResourceNotFoundError):
        client.get_node_extension("extended", node, "none")


def test_a_user_would_log_in_to_a_node_where_its_endpoint_for_logins_is(
    emulator: Emulator, pool: str
) -> None:
    node = emulator.client.get_node(pool, idle_node(emulator, pool))
    (endpoint,) = node.endpoint_configuration.inbound_endpoints
    settings = emulator.client.get_node_remote_login_settings(pool, node.id)
    assert settings.remote_login_ip_address == endpoint.public_ip_address
    assert settings.remote_login_port == endpoint.frontend_port


@pytest.fixture
def beside(emulator: Emulator) -> Iterator[AsyncBatchClient]:
    yield AsyncBatchClient(emulator.endpoint, AzureNamedKeyCredential(ACCOUNT, KEY))


def test_the_async_client_runs_a_job_from_end_to_end(
    emulator: Emulator, pool: str, beside: AsyncBatchClient
) -> None:
    async def story() -> tuple[list[str], bytes, str]:
        async with beside as client:
            info = models.BatchPoolInfo(pool_id=pool)
            await client.create_job(models.BatchJobCreateOptions(id="beside", pool_info=info))
            tasks = [
                models.BatchTaskCreateOptions(id=f"t{n}", command_line=f"echo {n}")
                for n in range(120)
            ]
            await client.create_tasks("beside", tasks)
            while (await client.get_job_task_counts("beside")).task_counts.completed < 120:
                await asyncio.sleep(0.05)
            ids = [one.id async for one in client.list_tasks("beside", max_results=50)]
            stream: AsyncIterator[bytes] = await client.download_task_file(
                "beside", "t7", "stdout.txt"
            )
            text = b"".join([piece async for piece in stream])
            poller = await client.begin_delete_job("beside", polling_interval=0.05)
            await poller.result()
            try:
                await client.get_job("beside")
            except ResourceNotFoundError as error:
                return ids, text, error.error.code
            raise AssertionError("the job is still there")

    ids, text, code = asyncio.run(story())
    assert sorted(ids) == sorted(f"t{n}" for n in range(120))
    assert (text, code) == (b"7\n", "JobNotFound")
