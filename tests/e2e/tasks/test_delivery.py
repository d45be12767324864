"""How the run's input comes to nodes, through the whole stack."""

from pathlib import Path

from tests.e2e.local import Stack
from tests.patience import until

LINES = b"".join(b"%07d\n" % number for number in range(20_000))  # 160 kB


def test_an_item_fetches_its_own_range_and_the_parts_are_the_whole(stack: Stack):
    run, _ = stack.succeeded(stack.upload("delivered-range/a.txt", LINES, "delivered-range"))
    found = stack.output(run)
    parts = [content for name, content in sorted(found.items()) if name.endswith("part.txt")]
    assert (len(parts), b"".join(parts)) == (4, LINES)
    disk = [int(content) for name, content in found.items() if name.endswith("disk.txt")]
    assert all(kilobytes < 80 for kilobytes in disk)  # of 160: holes take no room


def test_a_node_gets_an_input_once_and_gives_its_room_back(stack: Stack):
    run, _ = stack.succeeded(stack.upload("delivered-node/a.txt", LINES, "delivered-node"))
    found = stack.output(run)
    where = {content.decode().strip() for name, content in found.items() if "where" in name}
    assert {content for name, content in found.items() if "size" in name} == {b"160000\n"}
    assert all("/jobpreparation/" in path for path in where)
    assert len(where) <= 2  # nodes
    until(lambda: not any(Path(path).exists() for path in where), 60, "nodes to be freed")


def test_a_program_reads_an_input_by_its_url_and_cannot_write_it(stack: Stack):
    run, _ = stack.succeeded(stack.upload("delivered-url/a.txt", LINES, "delivered-url"))
    assert stack.output(run) == {"all.txt": b"0000 403 no file\n000\n 403 no file\n"}
