"""Files out: patterns, conditions, what is refused or lost, and the logs of nodes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from azure.batch import models
from azure.storage.blob import ContainerClient

from tests.emulators.batch.running import Azurite, Emulator, shell
from tests.emulators.batch.transfer.access import identity, output, retries, sas
from tests.patience import until


def test_outputs_go_where_they_shall_under_the_right_condition(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    signed = f"{container.url}?{sas(azurite)}"
    outputs = [
        output(
            "result.txt", container.url, "out/r-1.txt", "tasksuccess", identity_reference=identity()
        ),
        output(
            "never.txt", container.url, "out/never", "taskfailure", identity_reference=identity()
        ),
        output("../std*.txt", signed, "logs"),
        output("**/*.bin", signed, "tree"),
        output("missing.txt", signed, "out/missing"),
    ]
    script = shell(
        "echo hello; echo 42 > result.txt; touch never.txt .hidden.bin; mkdir d; echo b > d/x.bin"
    )
    task = emulator.run("j", "out", script, output_files=outputs)
    assert task.execution_info.result == "success"
    found = {blob.name for blob in container.list_blobs()} - {
        "in/a.txt",
        "in/deep/b.txt",
        "other.txt",
    }
    assert found == {"out/r-1.txt", "logs/stdout.txt", "logs/stderr.txt", "tree/d/x.bin"}
    assert container.download_blob("logs/stdout.txt").readall() == b"hello\n"


def test_an_upload_that_fails_fails_the_task_without_a_retry(
    emulator: Emulator, azurite: Azurite
) -> None:
    no_such = output(
        "../stdout.txt", f"{azurite.endpoint}/none", "x", identity_reference=identity()
    )
    bare = output("../stdout.txt", f"{azurite.endpoint}/work", "x")
    for name, file, code in (
        ("gone", no_such, "FileUploadContainerNotFound"),
        ("bare", bare, "FileUploadAccessDenied"),
    ):
        task = emulator.run("j", name, "true", output_files=[file], constraints=retries(2))
        assert (task.execution_info.exit_code, task.execution_info.failure_info.code) == (0, code)
        assert task.execution_info.retry_count == 0


def test_a_rule_that_strikes_once_loses_one_file_of_jobs_with_the_same_metadata(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    # What is submitted again is in a further job, and writes to another folder.
    rule = {"operation": "output_file", "code": "FileUploadMiscError", "once": True}
    signed = f"{container.url}?{sas(azurite)}"
    jobs = {"kin": "one", "kin-r1": "one", "stranger": "two"}
    for job, work in jobs.items():
        metadata = [models.BatchMetadataItem(name="work", value=work)]
        pool = emulator.client.get_job("j").pool_info
        emulator.client.create_job(
            models.BatchJobCreateOptions(id=job, pool_info=pool, metadata=metadata)
        )
    emulator.admin("POST", "/_admin/faults", rule)
    ends = [
        emulator.run(
            job, "t", "true", output_files=[output("../stdout.txt", signed, f"{job}/log")]
        ).execution_info.result
        for job in jobs
    ]
    emulator.admin("DELETE", "/_admin/faults")
    assert ends == ["failure", "success", "failure"]


def test_a_node_logs_its_uploads_beside_the_logs_of_the_task(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    signed = f"{container.url}?{sas(azurite)}"
    outputs = [
        output("good.txt", signed, "logged/good.txt"),
        output("good.txt", f"{azurite.endpoint}/work", "bare"),
    ]
    emulator.run("j", "logged", shell("echo > good.txt"), output_files=outputs)
    out = emulator.file("j", "logged", "fileuploadout.txt")
    assert out.endswith(f"wd/good.txt uploaded to {container.url}/logged/good.txt\n")
    err = emulator.file("j", "logged", "fileuploaderr.txt")
    assert f"not uploaded to {container.url}/bare: FileUploadAccessDenied" in err
    assert "sig=" not in out + err
    emulator.run("j", "quiet", "true")
    assert not {
        one.name for one in emulator.client.list_task_files("j", "quiet") if "upload" in one.name
    }


def test_logs_of_a_task_whose_time_was_up_are_uploaded(
    emulator: Emulator, container: ContainerClient
) -> None:
    limits = models.BatchTaskConstraints(max_wall_clock_time=timedelta(seconds=2))
    logs = output("../stdout.txt", container.url, "late/stdout", identity_reference=identity())
    emulator.run(
        "j", "late", shell("echo so far; sleep 100"), output_files=[logs], constraints=limits
    )
    assert container.download_blob("late/stdout").readall() == b"so far\n"


@pytest.mark.parametrize("open_by", ["a SAS", "an identity"])
def test_the_logs_of_a_node_go_to_a_container(
    emulator: Emulator, azurite: Azurite, container: ContainerClient, open_by: str
) -> None:
    node = next(iter(emulator.client.list_nodes("p")))
    began = datetime.now(UTC) - timedelta(hours=1)
    emulator.run("j", f"logged-by-{open_by[-3:]}", shell("exit 3"))
    options = models.UploadBatchServiceLogsOptions(
        container_url=container.url if "identity" in open_by else f"{container.url}?{sas(azurite)}",
        identity_reference=identity() if "identity" in open_by else None,
        start_time=began,
    )
    told = emulator.client.upload_node_logs("p", node.id, options)
    assert told.virtual_directory_name.startswith(f"p/{node.id}/")
    assert told.number_of_files_uploaded == 1
    names = until(lambda: list(container.list_blob_names(name_starts_with=f"p/{node.id}/")))
    assert f"{told.virtual_directory_name}/agent-debug.log" in names
    log = container.download_blob(f"{told.virtual_directory_name}/agent-debug.log").readall()
    assert b"Node is idle" in log
    assert f"Task j/logged-by-{open_by[-3:]}: exit code 3; FailureExitCode".encode() in log


def test_no_log_of_a_time_without_a_line_is_uploaded(
    emulator: Emulator, container: ContainerClient
) -> None:
    node = next(iter(emulator.client.list_nodes("p")))
    long_ago = datetime(2001, 1, 1, tzinfo=UTC)
    options = models.UploadBatchServiceLogsOptions(
        container_url=container.url,
        identity_reference=identity(),
        start_time=long_ago,
        end_time=long_ago + timedelta(days=1),
    )
    assert emulator.client.upload_node_logs("p", node.id, options).number_of_files_uploaded == 0


def test_logs_for_a_container_that_nothing_opens_are_accepted_and_the_node_notes_why_none_came(
    emulator: Emulator, container: ContainerClient
) -> None:
    node = next(iter(emulator.client.list_nodes("p")))
    began = datetime.now(UTC) - timedelta(hours=1)
    bare = models.UploadBatchServiceLogsOptions(container_url=container.url, start_time=began)
    assert emulator.client.upload_node_logs("p", node.id, bare).number_of_files_uploaded == 1

    def noted() -> bool:
        options = models.UploadBatchServiceLogsOptions(
            container_url=container.url, identity_reference=identity(), start_time=began
        )
        told = emulator.client.upload_node_logs("p", node.id, options)
        name = f"{told.virtual_directory_name}/agent-debug.log"
        blob = until(lambda: name in container.list_blob_names()) and container.download_blob(name)
        return b"neither a SAS nor an identity" in blob.readall()

    until(noted)


def test_no_secret_of_a_url_that_is_none_is_told(emulator: Emulator) -> None:
    url = "no url at all?sig=hush"
    files = [models.ResourceFile(http_url=url, file_path="a")]
    incoming = emulator.run("j", "no-source", "true", resource_files=files)
    outgoing = emulator.run(
        "j", "no-target", shell("echo > a.txt"), output_files=[output("a.txt", url, "a")]
    )
    for task in (incoming, outgoing):
        details = {one.name: one.value for one in task.execution_info.failure_info.details}
        assert "no url at all" in details["Message"]
        assert "hush" not in str(task.as_dict()["executionInfo"])
    assert "hush" not in emulator.file("j", "no-target", "fileuploaderr.txt")


def test_links_of_a_program_are_not_followed_when_its_files_are_uploaded(
    emulator: Emulator, container: ContainerClient, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("mine")
    script = f"ln -s {tmp_path}/secret o-1; ln -s {tmp_path} d; echo mine > o-2"
    files = [
        output(pattern, container.url, "links", identity_reference=identity())
        for pattern in ("o-*", "d/*")
    ]
    emulator.run("j", "links", shell(script), output_files=files)
    assert [blob.name for blob in container.list_blobs("links/")] == ["links/o-2"]


def test_a_users_folder_behind_a_link_outlives_the_task(emulator: Emulator, tmp_path: Path) -> None:
    emulator.add_job("behind", "p")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "thesis").touch()
    script = f"job=$(dirname $AZ_BATCH_TASK_DIR); mv $job $job-away; ln -s {tmp_path} $job"
    emulator.run("behind", "docs", shell(script))
    later = emulator.run("behind", "later", "true")
    assert later.execution_info.failure_info.code == "ResourceDirectoryCreateFailed"
    emulator.client.begin_delete_job("behind").wait()
    assert (tmp_path / "docs" / "thesis").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["docs"]
