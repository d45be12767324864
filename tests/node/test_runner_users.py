"""The runner among other users of its node: it closes its folders, and notices who came before."""

import os
import stat
import subprocess

import pytest

from tests.node.conftest import Node
from tests.patience import stretched

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to be another user")
STRANGER = 1_900_000_001


def test_the_folders_of_a_task_are_closed_before_its_program_runs(node: Node) -> None:
    node.folder.chmod(0o770)
    node.sh('stat -c %a "$1" > "$2/modes.txt"', str(node.folder), "{output}")
    receipt = node.run()
    (output,) = receipt["items"][0]["outputs"]
    assert (node.folder / output["blob"]).read_text() == "700\n"


def test_the_folder_around_is_closed_only_if_it_is_the_tasks(node: Node) -> None:
    around = node.folder.parent
    around.chmod(0o755)
    node.sh("exit 0").run()
    assert stat.S_IMODE(around.stat().st_mode) == 0o755
    node.environ["AZ_BATCH_TASK_DIR"] = str(around)
    subprocess.run(["sh", "-c", 'rm -f "$1"/r-*', "sh", str(node.folder)], check=True)
    node.run()
    assert stat.S_IMODE(around.stat().st_mode) == 0o700


@AS_ROOT
def test_a_file_that_another_user_put_into_the_folder_ends_the_task(node: Node) -> None:
    node.sh("exit 0")
    planted = node.folder / "parts.json"
    planted.touch()
    os.chown(planted, STRANGER, STRANGER)
    with node.start() as runner:
        _, errors = runner.communicate(timeout=stretched(30))
    assert runner.returncode == 1
    assert b"'parts.json' in the task's folder belongs to another user" in errors
    assert not list(node.folder.glob("r-*"))


@AS_ROOT
def test_a_file_of_the_agent_is_none_of_a_strangers_whatever_user_it_is(node: Node) -> None:
    around = node.folder.parent
    node.environ["AZ_BATCH_TASK_DIR"] = str(around)
    node.sh("exit 0")
    delivered = node.folder / "input.txt"
    delivered.touch()
    for path in (around.parent, delivered):
        os.chown(path, STRANGER, STRANGER)
    try:
        assert node.run()["items"][0]["outcome"] == "succeeded"
    finally:
        os.chown(around.parent, os.geteuid(), os.getegid())
