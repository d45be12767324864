"""A stack whose pins are copies: nodes read them, and a purge leaves none."""

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import purge
from tests.e2e.local import Stack

PIPELINE = """
trigger: {blob: {container: input, prefix: pinned/go/}}
split: {blobs: {container: input, prefix: pinned/each/}}
task: {command: [sh, -c, 'cp "$1" "$2/part.txt"', sh, "{input}", "{output}"]}
pool: cpu
assemble: {concatenate: {format: plain, name: all.txt}}
"""


@pytest.fixture
def stack(tmp_path):
    stack = Stack(tmp_path, "benign", extra_settings={"FANFARE_PIN": "copy"})
    (stack.definitions / "pipelines/pinned.yaml").write_text(PIPELINE, "utf-8")
    stack.start()
    yield stack
    stack.stop()


def test_items_get_the_copies_of_their_blobs_and_a_purge_deletes_them(stack):
    ports = stack.engine.ports
    for number in range(3):
        ports.writer.write(BlobRef("input", f"pinned/each/{number}"), b"%d\n" % number)
    run, _ = stack.succeeded(stack.upload("pinned/go/x", b"x", "pinned"))
    assert stack.output(run) == {"all.txt": b"0\n1\n2\n"}
    copies = f"{run.names.folder}/pins/"
    assert run.input.copied.startswith(copies)
    assert len(list(ports.blobs.list("engine", copies))) == 4
    purge.carry_out(stack.engine, purge.belongings(stack.engine, run, output=False))
    assert not list(ports.blobs.list("engine", copies))
