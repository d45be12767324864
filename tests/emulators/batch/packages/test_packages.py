"""Application packages: listed, unpacked, named in the environment, and never trusted."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from emulators.batch.packages.unpack import BadPackage, unpack
from tests.emulators.batch.running import Emulator, shell
from tests.patience import until


def pack(path: Path, entries: dict[str, bytes], mode: int = 0o755) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries.items():
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return path


@pytest.fixture(scope="module")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    folder = tmp_path_factory.mktemp("packages")
    for version in ("1.0", "2.0-beta"):
        program = f"#!/bin/sh\necho tool {version}\n".encode()
        pack(folder / "apps" / "My.Tool" / f"{version}.zip", {"bin/tool": program})
    (folder / "apps" / "My.Tool" / "default").write_text("1.0\n")
    pack(folder / "apps" / "nodefault" / "1.zip", {"a": b"a"})
    pack(folder / "apps" / "evil" / "1.zip", {"../../../../evil": b"x"})
    running = Emulator(folder / "data", "--applications", str(folder / "apps"))
    yield running
    assert running.stop() == 0
    assert not list(folder.rglob("evil/evil")) and not (folder / "evil").exists()


def reference(name: str, version: str | None = None) -> models.BatchApplicationPackageReference:
    return models.BatchApplicationPackageReference(application_id=name, version=version)


def test_applications_are_listed_with_their_versions(emulator: Emulator) -> None:
    found = {one.id: one.versions for one in emulator.client.list_applications()}
    assert found == {"My.Tool": ["1.0", "2.0-beta"], "nodefault": ["1"], "evil": ["1"]}
    assert emulator.client.get_application("My.Tool").display_name == "My.Tool"
    for name in ("unknown", ".hidden"):
        with pytest.raises(ResourceNotFoundError):
            emulator.client.get_application(name)


def test_packages_of_pool_and_task_are_there_under_their_variables(emulator: Emulator) -> None:
    arm = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Batch/batchAccounts/b/applications"
    emulator.add_pool("p", application_package_references=[reference(f"{arm}/My.Tool")], slots=4)
    emulator.add_job("j", "p")
    script = shell(
        "$AZ_BATCH_APP_PACKAGE_My_Tool/bin/tool; $AZ_BATCH_APP_PACKAGE_My_Tool_2_0_beta/bin/tool"
    )
    beta = [reference("My.Tool", "2.0-beta")]
    for number in range(4):
        emulator.add_task("j", f"t{number}", script, application_package_references=beta)
    for number in range(4):
        emulator.finished("j", f"t{number}")
        text = emulator.file("j", f"t{number}", "stdout.txt")
        assert text == "tool 1.0\ntool 2.0-beta\n"


@pytest.mark.parametrize(("name", "version"), [("unknown", "1"), ("nodefault", None)])
def test_a_package_that_is_not_there_refuses_the_pool_and_fails_the_task(
    emulator: Emulator, name: str, version: str | None
) -> None:
    with pytest.raises(HttpResponseError) as error:
        emulator.add_pool("no", application_package_references=[reference(name, version)])
    assert error.value.status_code == 409
    assert error.value.error.code == "InvalidApplicationPackageReferences"
    emulator.add_pool(f"for-{name}")
    emulator.add_job(f"for-{name}", f"for-{name}")
    task = emulator.run(
        f"for-{name}", "t", "true", application_package_references=[reference(name, version)]
    )
    assert task.execution_info.failure_info.code == "ApplicationPackageError"
    assert task.execution_info.exit_code is None


def test_a_package_that_leaves_its_folder_makes_the_nodes_of_its_pool_unusable(
    emulator: Emulator,
) -> None:
    emulator.add_pool("evil", application_package_references=[reference("evil", "1")])
    until(lambda: [node.state for node in emulator.client.list_nodes("evil")] == ["unusable"])
    (node,) = emulator.client.list_nodes("evil")
    assert node.errors[0].code == "ApplicationPackageError"


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x", "..\\x"])
def test_no_entry_leaves_the_folder(tmp_path: Path, name: str) -> None:
    archive = pack(tmp_path / "a.zip", {name: b"x"})
    with pytest.raises(BadPackage, match="leaves"):
        unpack(archive, tmp_path / "deep" / "deeper" / "out")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.zip"]


def test_a_bomb_is_stopped_and_leaves_nothing(tmp_path: Path) -> None:
    archive = pack(tmp_path / "a.zip", {"zeros": b"\0" * 5_000_000})
    with pytest.raises(BadPackage, match="more than a node may hold"):
        unpack(archive, tmp_path / "out", most_bytes=1_000_000)
    (tmp_path / "no.zip").write_bytes(b"no archive")
    with pytest.raises(BadPackage, match="BadZipFile"):
        unpack(tmp_path / "no.zip", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip", "no.zip"]
