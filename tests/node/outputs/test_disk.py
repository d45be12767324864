"""A program that takes the last of a node's disk ends before it costs the node."""

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from task_scripts.runtime.files.runner_disk import GREEDY, MANY, MARGIN, RESERVED, Disk
from tests.node.conftest import Node

PLENTY = 1 << 40
ENDLESS = "head -c 80000000 /dev/zero > x; while :; do sleep 1; done"


def reserve_all_of(folder: Path, node: Node) -> None:
    """Let Batch keep more of the disk than is free."""
    node.environ[RESERVED] = str(os.statvfs(folder).f_blocks * 4096 * 2)


def test_a_program_that_fills_the_disk_is_stopped_and_what_it_wrote_is_gone(node: Node) -> None:
    reserve_all_of(node.folder, node)
    one = node.sh(ENDLESS).run_one()
    assert (one["outcome"], one["cause"]) == ("failed", "out-of-disk")
    assert "The program was stopped: the disk of its node had room for" in one["tail"]
    assert one["disk"] >= GREEDY
    assert not list(node.folder.glob("try-*"))


def test_a_program_that_ignores_sigterm_is_killed_for_the_disk(node: Node) -> None:
    reserve_all_of(node.folder, node)
    one = node.sh(f"trap '' TERM; {ENDLESS}").run_one()
    assert one["cause"] == "out-of-disk"


def test_a_program_that_writes_little_goes_on_beside_one_that_fills_the_disk(node: Node) -> None:
    reserve_all_of(node.folder, node)
    one = node.sh('sleep 1; echo done > "$1/x"', "{output}").run_one()
    assert one["outcome"] == "succeeded"


def disk(monkeypatch, free: int, taken: int, files=(PLENTY, 0), told: str = "1000000") -> Disk:
    answer = SimpleNamespace(f_bavail=free, f_frsize=1, f_files=PLENTY, f_favail=files[0])
    monkeypatch.setattr(os, "statvfs", lambda _path: answer)
    return Disk("/", {RESERVED: told}, lambda: (taken, files[1]))


@pytest.mark.parametrize(
    ("free", "taken", "files", "ends"),
    [
        (MARGIN + 1_000_000, PLENTY, (PLENTY, 0), False),
        (MARGIN + 999_999, GREEDY, (PLENTY, 0), True),
        (MARGIN + 999_999, GREEDY - 1, (PLENTY, 0), False),
        (PLENTY, 0, (999, MANY), True),
        (PLENTY, 0, (999, MANY - 1), False),
        (PLENTY, PLENTY, (999, 1), False),
        (PLENTY, 0, (1_000, PLENTY), False),
    ],
)
def test_the_margin_lies_above_what_batch_keeps(monkeypatch, free, taken, files, ends) -> None:
    assert bool(disk(monkeypatch, free, taken, files).overrun()) is ends


@pytest.mark.parametrize("told", ["", "much", "-5", "1e9"])
def test_a_reserve_that_nobody_can_read_is_none(monkeypatch, told) -> None:
    assert disk(monkeypatch, MARGIN, GREEDY, told=told).overrun() is None
    assert disk(monkeypatch, MARGIN - 1, GREEDY, told=told).overrun()


def test_a_folder_that_is_gone_ends_nothing() -> None:
    assert Disk("/no/such/folder", {}, lambda: (PLENTY, PLENTY)).overrun() is None
