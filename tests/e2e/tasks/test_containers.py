"""Tasks in containers, through the whole stack: with the runner inside, and without Python."""

import subprocess

import pytest

from pipeline.domain.runs import naming
from tests import images
from tests.e2e.local import Stack


@pytest.fixture(autouse=True, scope="module")
def boxes() -> None:
    images.shell_image()
    images.python_image()


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


ODD = {
    "an-exit-code": ("echo no codec >&2; exit 7", "program-failed", "no codec\nThe program exited"),
    "no-program": ("exec /nonesuch/program", "program-failed", "/nonesuch/program: not found"),
    "deaf-to-sigterm": ("trap '' TERM; sleep 600", "timed-out", "The program was stopped after "),
    "too-many-files": (
        "for n in 1 2 3 4; do echo >fanfare-output/$n; done",
        "output-unusable",
        "The outputs exceed 3 files or 1,000 bytes",
    ),
    "too-many-bytes": (
        "head -c 2000 /bin/busybox >fanfare-output/x",
        "output-unusable",
        "The outputs exceed 3 files or 1,000 bytes",
    ),
}


@pytest.mark.parametrize(("act", "cause", "said"), ODD.values(), ids=ODD)
def test_a_command_that_misbehaves_ends_with_a_cause_that_names_it(
    stack: Stack, act: str, cause: str, said: str
):
    run, event = stack.finished(stack.upload("boxed-odd/a.txt", act.encode(), "boxed-odd", act=act))
    (missing,) = event["data"]["missing"]
    assert (run.state, missing["cause"]) == ("failed", cause)
    assert said in missing["tail"]


def test_a_command_that_removes_its_marks_is_found_by_the_sweep(stack: Stack):
    act = "rm -rf .ended fanfare-output"
    stack.succeeded(stack.upload("boxed-odd/b.txt", b"x", "boxed-odd", act=act))


def test_an_image_that_this_machine_lacks_ends_the_run_with_what_to_do(stack: Stack):
    run, _ = stack.finished(stack.upload("boxed-missing/a.txt", b"x", "boxed-missing"))
    assert (run.state, run.cause) == ("failed", "image-missing")
    assert "the container engine of this machine does not have it: build it" in run.error


def test_no_container_is_left_behind(stack: Stack):
    listed = subprocess.run(
        [images.engine(), "ps", "--all", "--format", "{{.Image}}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert images.SHELL_IMAGE not in listed.stdout
