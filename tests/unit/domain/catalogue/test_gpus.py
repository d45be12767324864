"""Stages and pools that disagree on GPUs are refused when definitions load."""

import pytest

from tests.unit.domain.conftest import POOL

IMAGE = "docker.io/library/python:3.13-slim"
PLAIN = """\
trigger: {http: true}
split: {range: {start: 0, stop: 3, step: 1}}
task: {program: encode.py, gpu: 1}
pool: cards
assemble: {none: {}}
"""
BOXED = PLAIN.replace("program: encode.py", f"image: {IMAGE}, command: [encode]").replace(
    "cards", "crates"
)
CARDS = POOL + "gpu: nvidia\ngpus: 2\n"


@pytest.fixture
def cards(workshop):
    workshop.pool("cards", CARDS)
    workshop.pool("crates", f"{CARDS}containers: {{images: [{IMAGE}]}}\n")
    return workshop


def problems(workshop, text):
    workshop.pipeline("demo", text)
    return workshop.problems()


def test_a_program_that_asks_for_a_gpu_loads_on_a_pool_with_gpus(cards):
    cards.pipeline("demo", PLAIN)
    assert cards.load().pipelines["demo"].task.gpu == 1


def test_a_task_without_a_gpu_loads_there_too(cards):
    cards.pipeline("demo", PLAIN.replace(", gpu: 1", ""))
    assert cards.load().pipelines["demo"].task.gpu == 0


def test_a_gpu_is_refused_on_a_pool_without_and_told_where_there_are_some(cards):
    (problem,) = problems(cards, PLAIN.replace("pool: cards", "pool: cpu"))
    assert problem.endswith(
        "3: task.gpu: the nodes of pool cpu have no GPU: use pool cards or crates"
    )


def test_without_any_such_pool_the_remedy_is_to_add_one(workshop):
    (problem,) = problems(workshop, PLAIN.replace("pool: cards", "pool: cpu"))
    assert problem.endswith("have no GPU: add a pool with gpu: nvidia")


@pytest.mark.parametrize(
    ("stage", "where"),
    [
        ("split: {program: {program: encode.py, parameters: [n], gpu: 1}}\n", "split.program.gpu"),
        ("assemble: {program: {program: concat.py, gpu: 1}}\n", "assemble.program.gpu"),
    ],
)
def test_programs_that_split_or_assemble_are_held_to_it_as_well(cards, stage, where):
    key = stage.partition(":")[0]
    lines = [line for line in PLAIN.splitlines(True) if not line.startswith(key)]
    text = "".join(lines).replace(", gpu: 1", "") + stage
    (problem,) = problems(cards, text.replace("pool: cards", "pool: cpu"))
    assert f"{where}: the nodes of pool cpu have no GPU" in problem
    cards.pipeline("demo", text)
    cards.load()


@pytest.mark.parametrize("number", ["2", "-1", "yes", "1.5"])
def test_a_task_gets_one_gpu_or_none(cards, number):
    (problem,) = problems(cards, PLAIN.replace("gpu: 1", f"gpu: {number}"))
    assert "task.gpu: must be" in problem


def test_without_the_runner_nobody_divides_the_gpus_of_a_node(cards):
    (problem,) = problems(cards, BOXED)
    assert "task.gpu: a node of crates takes 2 tasks, and only the runner gives each" in problem
    cards.pipeline("demo", BOXED.replace("command:", "python: python3, command:"))
    cards.load()


def test_without_the_runner_a_node_of_one_slot_will_do(cards):
    one = CARDS.replace("slots: 2", "slots: 1")
    cards.pool("crates", f"{one}containers: {{images: [{IMAGE}]}}\n")
    cards.pipeline("demo", BOXED)
    cards.load()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("gpus: 2", "gpus: 1", "slots must be at most 1, not 2"),
        ("gpus: 2", "gpus: 0", "gpus: must be at least 1"),
        ("gpu: nvidia", "gpu: none", "gpus is for gpu: nvidia"),
    ],
)
def test_a_pool_whose_numbers_contradict_is_refused(workshop, old, new, problem):
    workshop.pool("cards", CARDS.replace(old, new))
    (found,) = problems(workshop, PLAIN.replace("cards", "cpu").replace(", gpu: 1", ""))
    assert problem in found
