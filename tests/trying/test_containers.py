"""Programs in images: started in this machine's container engine, with the runner or without."""

import shutil
import sys
from pathlib import Path

import pytest

from tests import images
from tests.fakes.definitions import POOL

IMAGE = "localhost/tools:1"
COMMAND = """
trigger: {blob: {container: input, prefix: any/}}
split: {range: {start: 0, stop: 2, step: 1}}
task: {image: IMAGE, command: [cp, "{input}", "{output}/copy.txt"]}
pool: boxes
assemble: {none: {}}
""".replace("IMAGE", IMAGE)
COPY = '[python3, -c, "import shutil, sys; shutil.copy(*sys.argv[1:])", '  # an image without `cp`
RUNNER = """
trigger: {blob: {container: input, prefix: lines/, suffix: .txt}}
split: {lines: {lines_per_item: 1}}
task: {image: IMAGE, program: shout.py, arguments: ["{lines_file}", "{output}", "1"]}
pool: boxes
assemble: {concatenate: {format: plain, name: all.txt}}
""".replace("IMAGE", IMAGE)


@pytest.fixture
def boxed(project, tmp_path, monkeypatch):
    """Return the project on a machine whose only container engine is that of tests."""
    programs = tmp_path / "bin"
    programs.mkdir()
    engine = Path(__file__).with_name("engine.py").read_text()
    (programs / "podman").write_text(engine.replace("/usr/bin/env python3", sys.executable))
    (programs / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    project.write("pools/boxes.yaml", f"{POOL}containers: {{images: [{IMAGE}]}}\n")
    return project


def test_the_command_of_an_image_runs_without_the_runner(boxed):
    boxed.write("pipelines/boxed.yaml", COMMAND)
    told = boxed.json("try", "boxed", boxed.file("inside"), "--item", 1)
    assert told["item"]["outcome"] == "succeeded"
    assert [(file["name"], file["text"]) for file in told["outputs"]] == [("copy.txt", "inside")]


def test_a_command_of_an_image_that_fails_has_its_words_and_code(boxed):
    failing = COMMAND.replace('[cp, "{input}", "{output}/copy.txt"]', "[ls, /no/such/folder]")
    boxed.write("pipelines/boxed.yaml", failing)
    told = boxed.json("try", "boxed", boxed.file("inside"))
    assert (told["item"]["cause"], told["item"]["exit_code"]) == ("program-failed", 2)
    assert "/no/such/folder" in told["log"]


@pytest.mark.skipif(not shutil.which("python3", path="/usr/bin:/bin"), reason="no system Python")
def test_the_runner_starts_a_program_inside_an_image(boxed):
    boxed.write("pipelines/boxed.yaml", RUNNER)
    told = boxed.json("try", "boxed", boxed.file(), "--all")
    assert [(file["name"], file["text"]) for file in told["outputs"]] == [
        ("all.txt", "ONE\nTWO\nTHREE")
    ]


@pytest.mark.parametrize(
    ("definition", "file", "text"),
    [
        (COMMAND.replace("[cp, ", COPY), "000001/copy.txt", "one\ntwo\nthree"),
        (RUNNER, "all.txt", "ONE\nTWO\nTHREE"),
    ],
    ids=["a command", "a program with the runner"],
)
def test_an_image_runs_in_the_container_engine_of_this_machine(project, definition, file, text):
    image = images.python_image()  # or the test is skipped
    project.write("pools/boxes.yaml", f"{POOL}containers: {{images: [{image}]}}\n")
    project.write("pipelines/boxed.yaml", definition.replace(IMAGE, image))
    told = project.json("try", "boxed", project.file(), "--all")
    assert (file, text) in [(one["name"], one["text"]) for one in told["outputs"]]


@pytest.mark.parametrize(
    ("engine", "image", "words"),
    [
        ('test "$1" = info', "registry.example/a:1", "`podman pull registry.example/a:1`"),
        ('test "$1" = info', IMAGE, f"podman has no image {IMAGE} on this machine: build it"),
        ("echo no daemon >&2; false", IMAGE, "podman does not answer (no daemon): start it"),
    ],
)
def test_an_image_that_the_engine_does_not_have_is_named_with_what_to_do(
    boxed, tmp_path, engine, image, words
):
    (tmp_path / "bin/podman").write_text(f"#!/bin/sh\n{engine}\n")
    boxed.write("pools/boxes.yaml", f"{POOL}containers: {{images: [{image}]}}\n")
    boxed.write("pipelines/boxed.yaml", COMMAND.replace(IMAGE, image))
    code, said = boxed.refusal("try", "boxed", boxed.file())
    assert code == 1
    assert said.startswith("image-missing: ")
    assert words in said


def test_a_shell_is_refused_for_a_program_in_an_image(boxed):
    boxed.write("pipelines/boxed.yaml", COMMAND)
    assert (
        "--shell and --debug open nothing in a container"
        in boxed.refusal("try", "boxed", boxed.file(), "--shell")[1]
    )
