"""Inputs that do not come whole to each task: spans of a blob, and what the node has already."""

from pathlib import Path

import pytest

from tests.node.conftest import Node
from tests.node.fetching.conftest import (
    CONTENT,
    Storage,
    cut_off,
    cut_off_part,
    given,
    refused,
    says,
)

SPANS = [(4096, 8192), (700_000, 790_000)]


def spanned(storage: Storage, spans: object = SPANS) -> dict[str, object]:
    return {**storage.entry("in/input.bin", CONTENT), "spans": spans}


def fetched(node: Node) -> bytes:
    node.run_one()
    return (node.folder / "in/input.bin").read_bytes()


def test_only_the_spans_are_fetched_and_lie_in_their_places(node: Node, storage: Storage):
    given(node, storage, spanned(storage)).item("in/input.bin")
    found = fetched(node)
    assert len(found) == len(CONTENT)
    for start, stop in SPANS:
        assert found[start:stop] == CONTENT[start:stop]
    assert not any(found[:4096]) and not any(found[8192:700_000])
    assert [asked[1] for asked in storage.asked] == ["bytes=4096-8191", "bytes=700000-789999"]
    assert (node.folder / "in/input.bin").stat().st_blocks * 512 < 200_000


@pytest.mark.parametrize(
    "trouble",
    [[says(503, "ServerBusy")], [cut_off_part(SPANS[0], 1000), cut_off_part((5096, 8192), 5)]],
    ids=["busy", "cut off"],
)
def test_a_span_that_ends_early_goes_on_where_it_ended(node: Node, storage: Storage, trouble):
    given(node, storage, spanned(storage, SPANS[:1])).item("in/input.bin")
    storage.script["/fanfare/parts/0"] = trouble
    assert fetched(node)[4096:8192] == CONTENT[4096:8192]


def test_a_blob_that_was_replaced_meanwhile_is_begun_anew(node: Node, storage: Storage):
    given(node, storage, spanned(storage, SPANS[:1])).item("in/input.bin")
    storage.script["/fanfare/parts/0"] = [
        cut_off_part(SPANS[0], 1000),
        says(412, "ConditionNotMet"),
    ]
    assert fetched(node)[4096:8192] == CONTENT[4096:8192]
    assert storage.asked[-1][1:] == ("bytes=4096-8191", None)


def test_a_server_that_knows_no_ranges_is_told_and_nothing_runs(node: Node, storage: Storage):
    given(node, storage, spanned(storage))
    storage.script["/fanfare/parts/0"] = [cut_off(CONTENT)]
    assert "200" in refused(node)


@pytest.mark.parametrize(
    "spans", [[(5, 5)], [(-1, 4)], [(0, len(CONTENT) + 1)], [(9, 4)], [[1]], "ab", [("a", "b")]]
)
def test_spans_outside_the_blob_are_refused(node: Node, storage: Storage, spans):
    given(node, storage, spanned(storage, spans))
    said = refused(node)
    assert "wrong span" in said or "damaged" in said


def test_an_input_that_the_node_has_is_linked_into_the_task(node: Node, tmp_path: Path):
    prepared = tmp_path / "prepared"
    (prepared / "in").mkdir(parents=True)
    (prepared / "in/input.txt").write_text("whole\n")
    node.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(prepared)
    node.page["inputs"] = [
        {"file": "in/input.txt", "name": "a.txt", "size": 6, "delivery": "node", "url": ""}
    ]
    node.item("in/input.txt")
    node.sh('cat "$1"/in/input.txt; exit 1', str(node.folder))
    assert node.run_one()["tail"].startswith("whole\n")


def test_an_input_that_the_node_should_have_and_lacks_fails_the_item(node: Node, tmp_path: Path):
    node.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(tmp_path)
    node.page["inputs"] = [
        {"file": "in/input.txt", "name": "a.txt", "size": 6, "delivery": "node", "url": ""}
    ]
    node.sh("exit 0").item("in/input.txt")
    assert node.run_one()["cause"] == "input-missing"


def test_a_path_that_leaves_the_task_is_not_linked(node: Node, tmp_path: Path):
    node.environ["AZ_BATCH_JOB_PREP_WORKING_DIR"] = str(tmp_path)
    node.page["inputs"] = [{"file": "../x", "name": "x", "size": 0, "delivery": "node", "url": ""}]
    node.sh("exit 0")
    with node.start() as runner:
        _, errors = runner.communicate(timeout=60)
    assert runner.returncode == 1
    assert errors.startswith(b"The task left no receipt: ValueError: the path '../x' does not lie")
    assert not (node.folder.parent / "x").exists()


@pytest.mark.parametrize(("offset", "size"), [(0, 10), (700_000, 5000), (5, 0)])
def test_a_part_of_a_blob_becomes_a_file_of_its_own(node: Node, storage: Storage, offset, size):
    entry = {**storage.entry("parts/0.txt", CONTENT), "offset": offset, "size": size}
    given(node, storage, entry).item("parts/0.txt")
    node.run_one()
    assert (node.folder / "parts/0.txt").read_bytes() == CONTENT[offset : offset + size]
    assert [asked[1] for asked in storage.asked] == (
        [f"bytes={offset}-{offset + size - 1}"] if size else []
    )


def test_a_part_that_the_blob_does_not_have_is_not_fetched(node: Node, storage: Storage):
    past = {**storage.entry("parts/0.txt", CONTENT), "offset": len(CONTENT) - 5, "size": 10}
    given(node, storage, past)
    assert "parts/0.txt" in refused(node)


@pytest.mark.parametrize(("offset", "size"), [(-1, 5), (0, -5), ("x", 5), (None, 5), (3, "y")])
def test_a_wrong_part_is_refused(node: Node, storage: Storage, offset, size):
    entry = {**storage.entry("parts/0.txt", CONTENT), "offset": offset, "size": size}
    given(node, storage, entry)
    said = refused(node)
    assert "wrong part" in said or "damaged" in said
