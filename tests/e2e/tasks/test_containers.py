"""Tasks in containers, through the whole stack: with the runner inside, and without Python."""

from collections.abc import Iterator

import pytest

from pipeline.domain.runs import naming
from tests import images
from tests.e2e.local import Stack


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    images.shell_image()
    images.python_image()
    stack = Stack(tmp_path_factory.mktemp("containers"), "benign")
    stack.start()
    yield stack
    stack.stop()


def test_a_command_of_an_image_without_python_is_a_task_with_outputs_and_a_receipt(stack: Stack):
    run, _ = stack.succeeded(stack.upload("boxed/a.txt", b"hello\n", "boxed"))
    assert stack.output(run) == {
        f"{item:06d}/{name}": text
        for item in range(3)
        for name, text in (("deep/part.txt", b"HELLO\n"), ("who.txt", b"%d /tmp\n" % item))
    }
    assert all(file["digest"]["value"] for file in stack.manifest(run)["files"])
    receipts = stack.engine.ports.blobs.list("receipts", run.names.receipts())
    assert len([one for one in receipts if naming.parse_receipt_path(one.ref.name)]) == 3


def test_a_program_in_an_image_has_the_runner_beside_it(stack: Stack):
    run, _ = stack.succeeded(
        stack.upload("boxed-python/a.txt", b"one\ntwo\nthree\n", "boxed-python")
    )
    assert stack.output(run) == {"loud.txt": b"ONE inside 0\nTWO inside 1\nTHREE inside 2\n"}
