"""What an item took of memory and disk, as the receipt says."""

import os
import signal
from pathlib import Path

import pytest

from task_scripts.runtime.runner_missing import cause_of
from task_scripts.runtime.runner_processes import of_session
from tests.node.conftest import Node
from tests.patience import stretched

MIB = 1 << 20
TAKE = "import sys, time; held = b'x' * (int(sys.argv[1]) << 20); "


def python(node: Node, source: str, *arguments: str) -> Node:
    """Make the program a Python text."""
    node.page["program"]["command"] = [*node.python, "-c", source]
    node.page["program"]["arguments"] = list(arguments)
    return node


def test_the_memory_of_a_program_is_that_of_its_largest_process(node: Node) -> None:
    little = python(node, TAKE, "1").run_one()["memory"]
    assert 0 < little < 70 * MIB


def test_a_short_program_is_measured_too(node: Node) -> None:
    taken = python(node, TAKE, "100").run_one()["memory"]
    assert 100 * MIB <= taken < 170 * MIB


def test_processes_that_work_at_the_same_time_count_together(node: Node) -> None:
    child = f'"{node.python[0]}" -c "{TAKE} time.sleep({stretched(2)})" 60'
    taken = node.sh(f"{child} & {child} & wait").run_one()["memory"]
    assert 120 * MIB <= taken < 250 * MIB


def test_the_most_of_all_tries_counts(node: Node) -> None:
    node.page["tries"] = {"program-failed": 2}
    first = f"{TAKE} import os; again = os.environ['FANFARE_TRY'] == '2'; "
    item = python(node, f"{first} held = held * (1 if again else 100); sys.exit(not again)", "1")
    one = item.run_one()
    assert (one["tries"], one["outcome"]) == (2, "succeeded")
    assert one["memory"] >= 100 * MIB


def test_the_disk_of_an_item_is_what_it_left_in_both_folders(node: Node) -> None:
    write = (
        "dd if=/dev/zero of=$1/out bs=1M count=3; mkdir -p a; dd if=/dev/zero of=a/b bs=1M count=2"
    )
    one = node.sh(write, "{output}").run_one()
    assert 5 * MIB <= one["disk"] < 6 * MIB
    assert one["outputs"][0]["size"] == 3 * MIB


def test_a_program_that_did_not_start_took_nothing(node: Node) -> None:
    node.page["program"]["command"] = ["/no/such/program"]
    one = node.run_one()
    assert (one["memory"], one["disk"]) == (0, 0)


def test_only_processes_of_the_session_count(tmp_path: Path) -> None:
    for pid, session, pages in ((1, 1, 500), (7, 7, 3), (8, 7, 4)):
        folder = tmp_path / str(pid)
        folder.mkdir()
        fields = " ".join(["S", "1", str(pid), str(session), *["0"] * 17, str(pages), "0"])
        (folder / "stat").write_text(f"{pid} (a ) b) {fields}\n")
    (tmp_path / "9").mkdir()  # it ended just now
    assert of_session(7, tmp_path) == 7 * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize(
    ("before", "after", "code", "cause"),
    [
        ((3, 1), (4, 2), -signal.SIGKILL, "out-of-memory"),
        ((3,), (4,), 128 + signal.SIGKILL, "out-of-memory"),
        ((3, 1), (3, 1), -signal.SIGKILL, "program-failed"),
        ((3, 1), (4, 1), 1, "program-failed"),
        ((), (), -signal.SIGKILL, "program-failed"),
    ],
)
def test_a_kill_for_lack_of_memory_is_a_cause_of_its_own(
    before: tuple[int, ...], after: tuple[int, ...], code: int, cause: str
) -> None:
    assert cause_of("program-failed", before, after, code) == cause
