"""What the users of tasks may do on a node with `--users map`, and what stays closed to them."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.batch import models

from tests.emulators.batch.running import Emulator, shell
from tests.patience import until

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="for want of root, to run tasks as other users"
)
SYSTEM = "/usr/local/bin:/usr/bin:/bin"


def auto(scope: str) -> models.UserIdentity:
    user = models.AutoUserSpecification(scope=scope, elevation_level="nonadmin")
    return models.UserIdentity(auto_user=user)


@pytest.fixture(scope="module")
def mapped() -> Iterator[Emulator]:
    # pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="batch-rights-"))
    folder.chmod(0o711)
    emulator = Emulator(folder / "data", "--users", "map", "--node-path", SYSTEM)
    emulator.add_pool("p", slots=4)
    preparation = models.BatchJobPreparationTask(
        command_line=shell("echo tool > tool.txt"), user_identity=auto("pool")
    )
    emulator.add_job("j", "p", job_preparation_task=preparation)
    yield emulator
    emulator.stop()
    shutil.rmtree(folder)


def said(emulator: Emulator, name: str, script: str) -> list[str]:
    emulator.run("j", name, shell(script), user_identity=auto("task"))
    return emulator.file("j", name, "stdout.txt").splitlines()


def test_tasks_have_users_of_their_own_in_one_group(mapped: Emulator) -> None:
    one, two = (said(mapped, name, "id -u; id -g; umask") for name in ("one", "two"))
    assert one[0] != two[0]
    assert one[1:] == two[1:]
    assert one[2] == "0022"


def test_tasks_read_what_the_preparation_left_and_cannot_change_it(mapped: Emulator) -> None:
    script = 'cd "$AZ_BATCH_JOB_PREP_WORKING_DIR"; cat tool.txt; echo bad > tool.txt; rm tool.txt; '
    script += "mv tool.txt other.txt; cat tool.txt"
    assert said(mapped, "preparation", script) == ["tool", "tool"]


def test_tasks_write_and_delete_in_the_shared_folder(mapped: Emulator) -> None:
    script = 'cd "$AZ_BATCH_NODE_SHARED_DIR"; cat shared.txt; rm -f shared.txt; echo mine > '
    assert said(mapped, "leaves", script + "shared.txt") == []
    assert said(mapped, "takes", script + "other.txt") == ["mine"]


def test_the_emulators_own_files_are_closed(mapped: Emulator) -> None:
    assert (mapped.data / "batch.sqlite").exists()
    script = f"ls {mapped.data}; ls {mapped.data}/nodes; cat {mapped.data}/batch.sqlite* | wc -c; "
    script += f"ls {mapped.data}/logs; cat /proc/$PPID/environ | wc -c"
    assert said(mapped, "curious", script) == ["0", "0"]


def test_a_task_that_closes_its_folder_is_alone_in_it(mapped: Emulator, tmp_path: Path) -> None:
    closes = "chmod 700 . ..; echo here > mine.txt; mkfifo gate; cat gate"
    task = models.BatchTaskCreateOptions(
        id="closed", command_line=shell(closes), user_identity=auto("task")
    )
    mapped.client.create_task("j", task)
    (folder,) = until(lambda: list(mapped.data.glob("nodes/*/workitems/j/job-1/closed/wd")))
    until((folder / "gate").exists)
    script = f"cat {folder}/mine.txt; ls {folder}; touch {folder}/o-forged; mv {folder} {folder}-2"
    assert said(mapped, "neighbour", script) == []
    (folder / "gate").write_text("go")
    assert {path.name for path in folder.iterdir()} == {"gate", "mine.txt"}
