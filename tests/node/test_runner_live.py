"""What a program prints can be watched while it runs, in a file of its task's folder."""

from pathlib import Path

import pytest

from task_scripts.runtime.secrecy.runner_capture import Live
from tests.patience import until


def test_what_is_printed_is_there_before_the_program_ends(node, tmp_path):
    gate = tmp_path / "gate"
    node.sh('echo first; until test -e "$1"; do sleep 0.01; done; echo second', str(gate))
    live = node.folder / "live.txt"
    with node.start() as runner:
        until(lambda: live.exists() and b"first\n" in live.read_bytes(), what="the first line")
        assert b"second" not in live.read_bytes() and runner.poll() is None
        gate.touch()
        runner.communicate()
    shown = live.read_text()
    assert shown.startswith("== item 0, try 1: begins\nfirst\nsecond\n")
    assert "== item 0, try 1: succeeded, " in shown


def test_each_try_has_its_heading_and_its_end(node):
    node.page["tries"] = {"program-failed": 2}
    node.sh("echo oops; exit 3").run()
    shown = (node.folder / "live.txt").read_text()
    assert shown.count("oops") == 2
    assert "try 2: begins" in shown and "The program exited with code 3." in shown


def test_a_file_of_an_earlier_attempt_is_replaced(node):
    (node.folder / "live.txt").write_text("old")
    node.sh("echo new").run()
    shown = (node.folder / "live.txt").read_text()
    assert "new" in shown and "old" not in shown


def test_a_folder_in_its_place_costs_the_task_nothing(node):
    (node.folder / "live.txt").mkdir()
    assert node.sh("echo new").run_one()["outcome"] == "succeeded"


def test_it_has_a_bound_and_says_where_the_rest_is(tmp_path):
    path = tmp_path / "live.txt"
    with path.open("wb") as stream:
        live = Live(stream, 100)
        for _ in range(50):
            live.add(b"0123456789")
    shown = path.read_bytes()
    assert len(shown) <= 100 and shown.endswith(b"when the item has ended]\n")


def test_a_full_disk_only_ends_it():
    with Path("/dev/full").open("wb", buffering=0) as stream:
        live = Live(stream)
        live.add(b"x")
        live.add(b"x")


@pytest.mark.parametrize("data", [b"", b"x"])
def test_without_a_file_nothing_is_shown(data):
    Live(None).add(data)
