"""Files in: SAS, identities, bare URLs and prefixes."""

import pytest
from azure.batch import models
from azure.storage.blob import ContainerClient

from tests.emulators.batch.running import Azurite, Emulator, shell
from tests.emulators.batch.transfer.access import identity, retries, sas

WORK = "work"


def test_files_come_by_identity_by_sas_and_by_prefix(
    emulator: Emulator, azurite: Azurite, container: ContainerClient
) -> None:
    snapshot = container.get_blob_client("other.txt").create_snapshot()["snapshot"]
    container.upload_blob("other.txt", b"changed", overwrite=True)
    files = [
        models.ResourceFile(
            http_url=f"{container.url}/in/a.txt", file_path="x/a", identity_reference=identity()
        ),
        models.ResourceFile(
            http_url=f"{container.url}/in/deep/b.txt?{sas(azurite)}", file_path="b"
        ),
        models.ResourceFile(
            http_url=f"{container.url}/other.txt?snapshot={snapshot}",
            file_path="old",
            identity_reference=identity(),
        ),
        models.ResourceFile(
            storage_container_url=container.url,
            blob_prefix="in/",
            file_path="all",
            identity_reference=identity(),
        ),
    ]
    emulator.run("j", "in", "cat x/a b old all/in/a.txt all/in/deep/b.txt", resource_files=files)
    assert (
        emulator.file("j", "in", "stdout.txt")
        == "in/a.txtin/deep/b.txtother.txtin/a.txtin/deep/b.txt"
    )


@pytest.mark.parametrize(
    ("path", "signed", "code"),
    [
        ("work/in/a.txt", False, "BlobAccessDenied"),
        ("work/none.txt", True, "BlobNotFound"),
        (f"../elsewhere/{WORK}/in/a.txt", True, "BlobAccessDenied"),
    ],
)
def test_what_cannot_be_had_fails_the_task_before_it_starts(
    emulator: Emulator,
    azurite: Azurite,
    container: ContainerClient,
    path: str,
    signed: bool,
    code: str,
) -> None:
    reference = identity() if signed else None
    file = models.ResourceFile(
        http_url=f"{azurite.endpoint}/{path}", file_path="a", identity_reference=reference
    )
    name = f"denied-{abs(hash((path, signed)))}"
    task = emulator.run("j", name, "true", resource_files=[file], constraints=retries(3))
    assert (task.execution_info.failure_info.code, task.execution_info.retry_count) == (code, 0)
    assert task.execution_info.exit_code is None


def test_a_path_may_not_leave_the_working_directory(
    emulator: Emulator, container: ContainerClient
) -> None:
    url = f"{container.url}/in/a.txt"
    file = models.ResourceFile(http_url=url, file_path="../../evil", identity_reference=identity())
    task = emulator.run("j", "escape", "true", resource_files=[file])
    assert task.execution_info.failure_info.code == "ResourceFileWriteFailed"


def test_a_container_of_the_auto_storage_account_comes_whole_with_its_folders_and_modes(
    emulator: Emulator, container: ContainerClient
) -> None:
    file = models.ResourceFile(
        auto_storage_container_name="work", blob_prefix="in/", file_path="d", file_mode="0750"
    )
    emulator.run(
        "j", "auto", shell("find d -type f | sort; stat -c %a d/in/a.txt"), resource_files=[file]
    )
    assert emulator.file("j", "auto", "stdout.txt").split() == [
        "d/in/a.txt",
        "d/in/deep/b.txt",
        "750",
    ]


def test_many_blobs_come_several_at_once_and_all_of_them(
    emulator: Emulator, container: ContainerClient
) -> None:
    for number in range(60):
        container.upload_blob(f"many/{number:03}", b"x" * number)
    file = models.ResourceFile(
        storage_container_url=container.url, blob_prefix="many/", identity_reference=identity()
    )
    emulator.run("j", "many", shell("ls many | wc -l; cat many/* | wc -c"), resource_files=[file])
    assert emulator.file("j", "many", "stdout.txt").split() == ["60", str(sum(range(60)))]
    container.delete_blobs(*(f"many/{number:03}" for number in range(60)))


@pytest.mark.parametrize(
    ("name", "path", "mode"),
    [("dots", "a/../../../evil", None), ("itself", ".", None), ("long", "x" * 300, None)],
)
def test_a_path_that_is_none_fails_the_task_and_nothing_else(
    emulator: Emulator, container: ContainerClient, name: str, path: str, mode: str | None
) -> None:
    url = f"{container.url}/in/a.txt"
    file = models.ResourceFile(
        http_url=url, file_path=path, file_mode=mode, identity_reference=identity()
    )
    task = emulator.run("j", f"path-{name}", "true", resource_files=[file])
    assert task.execution_info.failure_info.code == "ResourceFileWriteFailed"
