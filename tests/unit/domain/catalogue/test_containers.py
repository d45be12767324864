"""Stages and pools that disagree on containers are refused when definitions load."""

import pytest

from tests.unit.domain.conftest import POOL

IMAGE = "docker.io/library/python:3.13-slim"
PLAIN = """\
trigger: {http: true}
split: {range: {start: 0, stop: 3, step: 1}}
task: {command: [echo, "{start}"]}
pool: cpu
assemble: {none: {}}
"""
BOXED = PLAIN.replace("pool: cpu", "pool: boxes").replace("{command", f"{{image: {IMAGE}, command")
LINES = "trigger: {blob: {container: input}}\nsplit: {lines: {}}\n"


@pytest.fixture
def boxes(workshop):
    workshop.pool("boxes", f"{POOL}containers: {{images: [{IMAGE}]}}\n")
    return workshop


def problems(workshop, text):
    workshop.pipeline("demo", text)
    return workshop.problems()


def test_a_command_of_an_image_loads_on_a_pool_with_containers(boxes):
    boxes.pipeline("demo", BOXED)
    assert not boxes.load().pipelines["demo"].task.has_runner


def test_a_plain_program_is_refused_on_a_pool_with_containers_and_told_where_it_runs(boxes):
    (problem,) = problems(boxes, PLAIN.replace("pool: cpu", "pool: boxes"))
    assert problem.endswith(
        "task: pool boxes runs every task in a container: add an image, or use pool cpu"
    )


def test_an_image_is_refused_on_a_pool_without_containers_and_told_where_it_runs(boxes):
    (problem,) = problems(boxes, BOXED.replace("pool: boxes", "pool: cpu"))
    assert "task.image: the nodes of pool cpu run no containers: use pool boxes" in problem


def test_stage_programs_need_an_image_as_well(boxes):
    joined = BOXED.replace("{none: {}}", "{program: {program: concat.py}}")
    (problem,) = problems(boxes, joined)
    assert "assemble.program: pool boxes runs every task in a container" in problem
    boxes.pipeline("demo", joined.replace("concat.py}", f"concat.py, image: {IMAGE}}}"))
    boxes.load()


def test_the_split_of_frames_cannot_run_in_a_container(boxes):
    frames = "trigger: {blob: {container: input}}\nsplit: {frames: {step: 9}}\n"
    (problem,) = problems(boxes, frames + BOXED.split("\n", 2)[2])
    assert "the engine's own program has no image: use pool cpu" in problem


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{BOXED}bundle: {{items: 5}}\n", "bundle.items: a command of an image without Python"),
        (
            LINES + BOXED.split("\n", 2)[2].replace("{start}", "{input}"),
            "split.lines: the runner cuts lines out of the input",
        ),
        (
            BOXED.replace("command:", "secrets: {TOKEN: my-vault/token}, command:"),
            "task.secrets: only the runner gives a program secrets",
        ),
    ],
)
def test_what_only_the_runner_does_needs_the_images_python(boxes, text, problem):
    (found,) = problems(boxes, text)
    assert problem in found and "task.python, such as python3" in found
    boxes.pipeline("demo", text.replace("command:", "python: python3, command:"))
    boxes.load()


@pytest.mark.parametrize(
    ("image", "problem"),
    [
        ("python:3.13", "is not an image with its registry in lower case"),
        ("docker.io/library/python", "has no tag: write docker.io/library/python:TAG"),
        ("Registry.Example/tools/x:1", "is not an image with its registry in lower case"),
        ("registry.example/x:1 --privileged", "is not an image with its registry"),
        ("registry.example/../x:1", "is not an image with its registry"),
        ("registry.example/" + "x" * 600 + ":1", "is not an image with its registry"),
    ],
)
def test_an_image_has_a_registry_and_a_tag(boxes, image, problem):
    (found,) = problems(boxes, BOXED.replace(IMAGE, f"'{image}'"))
    assert f"task.image: '{image[:30]}"[:40] in found and problem in found


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (f"image: {IMAGE}", "python: python3", "python is for an image"),
        (f"image: {IMAGE}", "shared_memory: 1g", "shared_memory is for an image"),
        ("command:", "python: 'python3; rm', command:", "is not the path of an interpreter"),
        ("command:", "shared_memory: 8 GB, command:", "is not a size in whole MiB or GiB"),
        ("command: [echo", "environment: media, program: encode.py, arguments: [a", "environment"),
    ],
)
def test_keys_of_images_are_checked(boxes, old, new, problem):
    assert problem in problems(boxes, BOXED.replace(old, new))[0]


@pytest.mark.parametrize(
    ("text", "delivery", "problem"),
    [
        (PLAIN, "range", "range is for the splits lines, csv and bytes"),
        (BOXED, "node", "node needs the runner: name the image's Python"),
        (LINES + PLAIN.split("\n", 2)[2].replace("{start}", "x"), "url", "the split lines cuts it"),
        (PLAIN.replace("{start}", "{input}"), "url", "read it by the variable FANFARE_INPUT_URL"),
        (PLAIN, "nods", "did you mean 'node'?"),
    ],
)
def test_a_delivery_that_the_task_cannot_take_is_refused(boxes, text, delivery, problem):
    (found,) = problems(boxes, f"{text}input: {{delivery: {delivery}}}\n")
    assert "input.delivery: " in found and problem in found
