"""The runner trusts nothing that a list of files says, and leaves no signature behind."""

import os
import sys

import pytest

from tests.node.conftest import Node
from tests.node.fetching.conftest import PLAIN, SECRET, Storage, given, refused

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="for want of root, to read all memory")


@AS_ROOT
def test_no_process_that_a_program_can_see_holds_a_signature(node: Node, storage: Storage):
    given(node, storage, storage.entry("in/a", b"a"))
    node.page["program"]["command"] = [
        sys.executable,
        "-c",
        _escaped(SEARCH),
        SECRET[::-1],
        PLAIN[::-1],
    ]
    node.environ["PATH"] = "/usr/bin:/bin"
    assert node.run_one()["tail"].startswith("searched 2, found 0")


def _escaped(script: str) -> str:
    return script.replace("{", "{{").replace("}", "}}")


SEARCH = """
import os, re, sys
wanted = [text[::-1].encode() for text in sys.argv[1:]]
process, searched, found = os.getppid(), 0, 0
while "runner.py" not in open(f"/proc/{process}/cmdline").read():
    process = int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
while "runner.py" in open(f"/proc/{process}/cmdline").read():
    searched += 1
    memory = open(f"/proc/{process}/mem", "rb", 0)
    for line in open(f"/proc/{process}/maps"):
        start, end = (int(one, 16) for one in line.split()[0].split("-"))
        if " rw" in line:
            memory.seek(start)
            content = memory.read(end - start)
            found += sum(one in content for one in wanted)
    process = int(open(f"/proc/{process}/stat").read().rsplit(")", 1)[1].split()[1])
print(f"searched {min(searched, 2)}, found {found}")
sys.exit(1)
"""


@pytest.mark.parametrize("size", [1, 3])
def test_a_file_of_another_size_is_refused(node: Node, storage: Storage, size: int):
    said = refused(given(node, storage, storage.entry("in/a", b"xx", size)))
    assert f"it has 2 bytes instead of {size}" in said


OUTSIDE = ["", "x", "../x", "in/../../x", "/tmp/x", "in/", "in//x", "./x", "in\\x", "in/\0"]


@pytest.mark.parametrize("path", [*OUTSIDE, "in/\x1b[1m"])
def test_a_path_that_leaves_the_tasks_folders_is_refused(node: Node, storage: Storage, path: str):
    before = set(node.folder.parent.rglob("*"))
    said = refused(given(node, storage, storage.entry("in/good"), storage.entry(path)))
    assert "does not lie in a folder of the task" in said
    assert said.rstrip("\n").isprintable()
    assert not storage.asked
    assert {p.name for p in set(node.folder.parent.rglob("*")) - before} == {"page.json"}


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:9/fanfare/parts/0",
        "https://{host}/fanfare/parts/0",
        "http://{host}@127.0.0.1:9/fanfare/parts/0",
        "http://x@{host}/fanfare/parts/0",
        "//{host}/fanfare/parts/0",
        "http://[/fanfare",
        "http://{host}/a b",
        "http://{host}/a\r\nHost: x",
    ],
)
def test_a_url_that_leads_elsewhere_is_refused(node: Node, storage: Storage, url: str):
    entry = storage.entry("in/a")
    entry["url"] = url.format(host=storage.url.removeprefix("http://")) + f"?sig={SECRET}"
    said = refused(given(node, storage, entry))
    assert "the URL of in/a" in said
    assert not storage.asked


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("no json", "line 2 of the list of files is damaged"),
        ("[1]", "line 2 of the list of files is damaged"),
        ('{"path": "in/b"}', "line 2 of the list of files is damaged"),
        ("[" * 100_000, "line 2 of the list of files is damaged"),
        (None, "names in/a twice"),
    ],
)
def test_a_list_that_is_damaged_is_refused(
    node: Node, storage: Storage, line: str | None, words: str
):
    entry = storage.entry("in/a")
    assert words in refused(given(node, storage, entry, line or entry))


def test_a_list_that_never_came_is_told(node: Node, storage: Storage):
    given(node, storage)
    (node.folder / "files.jsonl").unlink()
    assert "No such file" in refused(node)


def test_a_link_in_the_place_of_a_folder_is_not_followed(node: Node, storage: Storage):
    outside = node.folder.parent / "outside"
    outside.mkdir()
    (node.folder / "in").symlink_to(outside)
    assert "the folder in cannot be made" in refused(given(node, storage, storage.entry("in/a")))
    assert not list(outside.iterdir())
    assert not storage.asked


def test_a_link_in_the_place_of_a_file_is_replaced(node: Node, storage: Storage):
    outside = node.folder.parent / "outside.txt"
    outside.write_text("mine")
    (node.folder / "in").mkdir()
    (node.folder / "in/a").symlink_to(outside)
    given(node, storage, storage.entry("in/a", b"new")).run()
    assert outside.read_text() == "mine"
    assert not (node.folder / "in/a").is_symlink()
    assert (node.folder / "in/a").read_bytes() == b"new"


def test_a_folder_in_the_place_of_a_file_is_told(node: Node, storage: Storage):
    (node.folder / "in/a").mkdir(parents=True)
    assert "in/a cannot be written: Is a directory" in refused(
        given(node, storage, storage.entry("in/a"))
    )
