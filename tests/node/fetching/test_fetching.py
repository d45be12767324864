"""The runner fetches the files of a list: it tries again what may pass, and tells what stays."""

import signal
import stat
import threading
from collections import Counter
from pathlib import Path

import pytest

from task_scripts.runtime.files import runner_download, runner_fetching
from task_scripts.runtime.files.runner_folder import Folder
from tests.node.conftest import Node
from tests.node.fetching.conftest import (
    CONTENT,
    PLAIN,
    SECRET,
    Answer,
    Storage,
    cut_off,
    given,
    hang_up,
    refused,
    says,
)
from tests.patience import stretched


def test_files_of_a_list_lie_where_the_program_looks_for_them(node: Node, storage: Storage):
    entries = [storage.entry(f"in/{n}.txt", b"%d\n" % n) for n in range(40)]
    empty = storage.entry("parts/deeper/none.bin", b"")
    given(node, storage, *entries, empty).item("in/0.txt")
    node.sh('cat "$1"/in/*.txt | wc -l; ls "$1"; env; exit 1', str(node.folder))
    told = node.run_one()["tail"]
    assert told.splitlines()[0] == "40"
    assert "files.jsonl" not in told
    assert "FANFARE_FILES" not in told
    assert "FANFARE_STORAGE" not in told
    assert (node.folder / "in/17.txt").read_bytes() == b"17\n"
    assert (node.folder / "parts/deeper/none.bin").read_bytes() == b""
    modes = {stat.S_IMODE((node.folder / p).stat().st_mode) for p in ("in", "in/1.txt", "parts")}
    assert modes == {0o700}
    assert not list(node.folder.rglob("tmp-*"))


@pytest.mark.parametrize(
    "trouble",
    [
        [says(500, "InternalError"), says(503, "ServerBusy")],
        [says(429, "TooManyRequests", ("Retry-After", "0"))],
        [hang_up],
        [cut_off(CONTENT[:300_000]), cut_off(b"")],
        [cut_off(CONTENT[:5], told=None)],
        [cut_off(b"older" * 99, etag='"v0"')],
    ],
    ids=["busy", "throttled", "hung up", "cut off", "cut off unsaid", "replaced"],
)
def test_what_passes_is_tried_again(node: Node, storage: Storage, trouble: list[Answer]):
    entry = storage.entry("in/a.bin", CONTENT)
    storage.script["/fanfare/parts/0"] = trouble
    given(node, storage, entry).run()
    assert (node.folder / "in/a.bin").read_bytes() == CONTENT


def test_a_file_that_was_cut_off_goes_on_where_it_ended(node: Node, storage: Storage):
    entry = storage.entry("in/a.bin", CONTENT)
    storage.script["/fanfare/parts/0"] = [cut_off(CONTENT[:300_000])]
    given(node, storage, entry).run()
    assert [asked[1:] for asked in storage.asked] == [(None, None), ("bytes=300000-", '"v1"')]


MAC = f"<AuthenticationErrorDetail>The MAC signature '{PLAIN}' of sig={SECRET} is not the same"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (says(403, "AuthenticationFailed"), "403 AuthenticationFailed: Told."),
        (says(403, "Denied", more=f"{MAC}</AuthenticationErrorDetail>"), "'…' of sig=…"),
        (says(404, "BlobNotFound"), "404 BlobNotFound"),
        (says(302, "Elsewhere", ("Location", "http://127.0.0.1:9/")), "302 Elsewhere"),
    ],
)
def test_what_stays_ends_the_task_in_the_servers_words(
    node: Node, storage: Storage, answer: Answer, words: str
):
    entry = storage.entry("in/a.bin")
    storage.script["/fanfare/parts/0"] = [answer]
    said = refused(given(node, storage, entry))
    assert said.startswith("Not fetched: in/a.bin from fanfare/parts/0: ")
    assert words in said
    assert len(storage.asked) == 1


def test_a_service_that_stays_busy_ends_the_task(storage: Storage, tmp_path: Path):
    entry = storage.entry("in/a.bin")
    storage.script["/fanfare/parts/0"] = [says(503, "ServerBusy")] * 9
    listed = runner_fetching.Entry(entry["path"], entry["url"], entry["size"])
    fetching = runner_fetching.Fetching(Folder.at(tmp_path), [listed], (0.0, 0.0))
    with pytest.raises(runner_download.Unfetched, match="503 ServerBusy"):
        fetching.run()
    assert len(storage.asked) == 3
    assert not (tmp_path / "in/a.bin").exists()


class Broken(dict):
    """Folders of which a fault of the runner itself loses one."""

    def __getitem__(self, name):
        raise RuntimeError(f"?sig={SECRET}")


def test_a_fault_of_the_runner_is_no_success(storage: Storage, tmp_path: Path):
    entry = storage.entry("in/a.bin")
    listed = runner_fetching.Entry(entry["path"], entry["url"], entry["size"])
    fetching = runner_fetching.Fetching(Folder.at(tmp_path), [listed])
    fetching._make_folder = lambda _path: None
    fetching._folders = Broken()
    with pytest.raises(runner_download.Unfetched, match=r"^the runner failed: RuntimeError$"):
        fetching.run()


def test_a_task_that_is_ended_while_it_fetches_ends_at_once(node: Node, storage: Storage):
    asked, gone = threading.Event(), threading.Event()

    def hang(_request: object) -> None:
        asked.set()
        gone.wait(stretched(60))

    entry = storage.entry("in/a.bin")
    storage.script["/fanfare/parts/0"] = [hang]
    with given(node, storage, entry).start() as runner:
        assert asked.wait(stretched(20))
        runner.terminate()
        assert runner.wait(stretched(20)) == 128 + signal.SIGTERM
        assert runner.stderr
        assert runner.stderr.read() == b""  # its child, which held it too, is gone
    gone.set()


def test_the_first_file_that_stays_away_ends_the_others(storage: Storage, tmp_path: Path):
    entries = [storage.entry(f"in/{number}") for number in range(200)]
    for number in range(200):
        storage.script[f"/fanfare/parts/{number}"] = [says(404, "BlobNotFound")]
    listed = [runner_fetching.Entry(e["path"], e["url"], e["size"]) for e in entries]
    with pytest.raises(runner_download.Unfetched, match="404 BlobNotFound"):
        runner_fetching.Fetching(Folder.at(tmp_path), listed).run()
    assert len(storage.asked) <= 2 * runner_fetching.AT_ONCE


def test_a_node_that_begins_a_task_again_fetches_its_files_again(node: Node, storage: Storage):
    entry = storage.entry("in/a", b"good")
    (node.folder / "in").mkdir()
    (node.folder / "in/a").write_bytes(b"half")
    given(node, storage, entry).run()
    assert (node.folder / "in/a").read_bytes() == b"good"
    assert Counter(asked[0] for asked in storage.asked) == {"/fanfare/parts/0": 1}
