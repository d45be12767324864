"""Small outputs of a task lie in one file, and the receipt says where."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from task_scripts.runtime.files import runner_pack
from task_scripts.runtime.files.runner_folder import Folder
from task_scripts.runtime.files.runner_pack import Pack
from tests.node.conftest import Node

PARENT = 'up() { cut -d" " -f4 /proc/$1/stat; }; guardian=$PPID; runner=$(up $guardian); '


def contents(node: Node, receipt: dict[str, Any]) -> list[list[bytes]]:
    """Read each item's outputs as the engine does, and check their digests."""
    return [[read(node, output) for output in item["outputs"]] for item in receipt["items"]]


def read(node: Node, output: dict[str, Any]) -> bytes:
    whole = (node.folder / output["blob"]).read_bytes()
    start = output.get("offset", 0)
    part = whole[start : start + output["size"]]
    assert hashlib.sha256(part).hexdigest() == output["sha256"]
    assert len(part) == output["size"]
    return part


def test_streams_that_nothing_was_written_to_are_not_uploaded(node: Node) -> None:
    (node.folder / "s-empty.txt").touch()
    (node.folder / "s-said.txt").write_text("what the shell said")
    (node.folder / "s-link.txt").symlink_to("/dev/null")
    (node.folder / "s-folder").mkdir()
    node.sh("true").run_one()
    left = sorted(path.name for path in node.folder.glob("s-*"))
    assert left == ["s-folder", "s-link.txt", "s-said.txt"]


@pytest.fixture
def packing(node: Node) -> Node:
    node.page["pack"] = 10
    return node


def test_small_outputs_share_a_file_and_large_ones_do_not(packing: Node) -> None:
    script = 'printf %s $FANFARE_ITEM > "$1/a"; printf 12345678901 > "$1/b"; : > "$1/c"'
    packing.sh(script, "{output}").items(3)
    receipt = packing.run()
    assert contents(packing, receipt) == [[b"%d" % n, b"12345678901", b""] for n in range(3)]
    assert len(list(packing.folder.glob("o-*"))) == 4
    places = [o.get("offset") for item in receipt["items"] for o in item["outputs"]]
    assert places == [0, None, 1, 1, None, 2, 2, None, 3]


def test_a_page_without_packs_gives_each_output_its_own_file(node: Node) -> None:
    receipt = node.sh('echo x > "$1/a"', "{output}").items(3).run()
    assert contents(node, receipt) == [[b"x\n"]] * 3
    assert len(list(node.folder.glob("o-*"))) == 3


def test_after_a_killed_runner_a_further_pack_begins(packing: Node) -> None:
    script = f'printf %s $FANFARE_ITEM > "$1/a"; test $FANFARE_ITEM != 1 || {{ {PARENT} '
    packing.sh(f"{script} kill -9 $runner; sleep 90; }}", "{output}").items(4)
    receipt = packing.run()
    assert contents(packing, receipt) == [[b"0"], [], [b"2"], [b"3"]]
    assert len(list(packing.folder.glob("o-*"))) == 2


def test_an_output_that_is_a_link_is_refused_as_ever(packing: Node) -> None:
    item = packing.sh('ln -s /etc/hostname "$1/a"', "{output}").run_one()
    assert item["cause"] == "output-unusable"


def test_outputs_beyond_the_receipt_take_nothing_from_their_neighbours(packing: Node) -> None:
    many = 'cd "$1"; seq -f %0200.0f 4500 | xargs touch'
    script = f'if test $FANFARE_ITEM = 1; then {many}; else printf %s $FANFARE_ITEM > "$1/a"; fi'
    receipt = packing.sh(script, "{output}").items(3).run()
    assert receipt["items"][1]["cause"] == "output-unusable"
    assert contents(packing, receipt) == [[b"0"], [], [b"2"]]


def test_a_full_pack_is_followed_by_another(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(runner_pack, "PACK_BYTES", 25)
    names = iter("abc")
    pack = Pack(Folder.at(tmp_path), lambda: next(names), 20)
    places = [pack.add(b"x" * 10) for _ in range(5)]
    assert places == [("a", 0), ("a", 10), ("b", 0), ("b", 10), ("c", 0)]
    assert [len((tmp_path / name).read_bytes()) for name in "abc"] == [20, 20, 10]
    pack.close()


def test_a_disk_that_is_full_fails_the_item_and_the_next_pack_is_whole(tmp_path: Path) -> None:
    names = iter("ab")
    pack = Pack(Folder.at(tmp_path), lambda: next(names), 20)
    pack.add(b"first")
    pack.close()

    class Full:
        def write(self, content: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            """As of a file."""

    pack._stream = Full()  # type: ignore[assignment] # a disk cannot be filled here
    with pytest.raises(OSError, match="No space"):
        pack.add(b"second")
    assert pack.add(b"third") == ("b", 0)
    pack.close()


def test_a_file_that_grows_while_it_is_read_does_not_go_into_a_pack(tmp_path: Path) -> None:
    (tmp_path / "grown").write_bytes(b"x" * 30)
    with (tmp_path / "grown").open("rb") as stream:
        assert Pack(Folder.at(tmp_path), lambda: "a", 20).content_of(stream, 5) is None
        assert stream.read() == b"x" * 30


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1])
def test_the_digest_of_an_output_is_that_of_its_bytes_whatever_its_size(node, size):
    node.sh('head -c "$1" /dev/urandom > "$2/part"', str(size), "{output}")
    (output,) = node.run_one()["outputs"]
    assert len(read(node, output)) == size
