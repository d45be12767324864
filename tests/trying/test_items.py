"""`fanfare try`: one item of a pipeline, as a node runs it."""

import pytest


def test_the_first_item_runs_and_its_output_and_log_are_shown(project):
    shown = project("try", "shout", project.file())
    assert shown.exit_code == 0, shown.output
    assert "item 0  ✔ succeeded  exit 0" in shown.stdout
    assert "loud.txt" in shown.stdout
    assert "ONE" in shown.stdout
    assert "shouting one" in shown.stdout


def test_another_item_runs_with_parameters_of_the_run(project):
    told = project.json("try", "shout", project.file(), "--item", 2, "-p", "times=2")
    assert told["items"] == 3
    assert told["item"]["id"] == 2
    assert [file["text"] for file in told["outputs"]] == ["THREE\nTHREE"]
    assert told["item"]["memory"] > 0


def test_nothing_is_left_unless_it_is_kept(project, tmp_path):
    project("try", "shout", project.file())
    assert not list(tmp_path.glob("fanfare-try-*"))
    told = project.json("try", "shout", project.file(), "--keep")
    (kept,) = tmp_path.glob("fanfare-try-*")
    assert told["folder"] == str(kept)
    assert (kept / "outputs/loud.txt").read_text() == "ONE\n"


def test_only_the_wanted_item_of_a_bundle_runs(project):
    definition = "bundle: {items: 3}\n" + (project.root / "pipelines/shout.yaml").read_text()
    project.write("pipelines/shout.yaml", definition)
    told = project.json("try", "shout", project.file(), "--item", 1)
    assert told["log"] == "shouting two"
    assert [file["text"] for file in told["outputs"]] == ["TWO"]


def test_a_traceback_is_shown_once_with_the_cause_and_exit_code_1(project):
    project.pipeline("fails", fails_py="raise ValueError('no such colour')\n")
    shown = project("try", "fails", project.file())
    assert shown.exit_code == 1
    assert "item 0  ✘ program-failed  exit 1" in shown.stdout
    assert shown.stdout.count("no such colour") == 2  # the line of code, and the error
    assert shown.stdout.count("Traceback") == 1


@pytest.mark.parametrize(
    ("program", "cause", "words"),
    [
        ("#!/bin/sh\nsleep 30\n", "timed-out", "stopped after 1 s"),
        ("#!/bin/sh\nkill -9 $$\n", "program-failed", "ended by signal 9 (Killed)"),
        ("#!/no/such/program\n", "program-missing", "cannot be started"),
    ],
)
def test_a_program_that_is_ended_says_by_what(project, program, cause, words):
    definition = (project.root / "pipelines/shout.yaml").read_text() + "limits: {item: 1s}\n"
    project.pipeline("ends", definition.replace("shout.py", "PROGRAM"), ends_sh=program)
    told = project.json("try", "ends", project.file())
    assert told["item"]["cause"] == cause
    assert words in told["log"]


def test_a_program_that_fails_is_not_tried_again(project):
    definition = (project.root / "pipelines/shout.yaml").read_text()
    definition = f"{definition}retries: {{program-failed: 3}}\n".replace("shout.py", "PROGRAM")
    project.pipeline("again", definition, again_py="raise SystemExit(3)\n")
    assert project.json("try", "again", project.file())["item"]["tries"] == 1


@pytest.mark.parametrize("delivery", ["task", "node", "range"])
def test_an_input_comes_as_it_would_come_on_a_node(project, delivery):
    definition = (project.root / "pipelines/shout.yaml").read_text()
    project.write("pipelines/shout.yaml", f"{definition}input: {{delivery: {delivery}}}\n")
    told = project.json("try", "shout", project.file(), "--item", 1)
    assert [file["text"] for file in told["outputs"]] == ["TWO"]


def test_a_program_reads_its_input_by_a_signed_url(project):
    reads = (
        "import os, urllib.request as r\nprint(r.urlopen(os.environ['FANFARE_INPUT_URL']).read())\n"
    )
    definition = """
trigger: {blob: {container: input, prefix: any/}}
split: none
task: {program: PROGRAM, arguments: ["{output}"]}
input: {delivery: url}
pool: cpu
assemble: none
""".replace("split: none", "split: {range: {start: 0, stop: 1, step: 1}}").replace(
        "assemble: none", "assemble: {none: {}}"
    )
    project.pipeline("reads", definition, reads_py=reads)
    told = project.json("try", "reads", project.file("by url"))
    assert told["log"] == "b'by url'"


def test_a_secret_comes_from_the_file_of_this_machine_and_is_hidden_in_the_log(project):
    definition = (project.root / "pipelines/shout.yaml").read_text()
    secret = "task: {secrets: {TOKEN: vault/token}, "
    project.pipeline(
        "secret",
        definition.replace("task: {", secret).replace("shout.py", "PROGRAM"),
        secret_py="import os\nprint('the token is', os.environ['TOKEN'])\n",
    )
    project.write("secrets.local.yaml", "vault/token: swordfish-swordfish\n")
    told = project.json("try", "secret", project.file())
    assert "the token is" in told["log"]
    assert "swordfish" not in told["log"]


def test_a_missing_secret_is_named_with_the_line_to_add(project):
    definition = (project.root / "pipelines/shout.yaml").read_text()
    project.write(
        "pipelines/shout.yaml",
        definition.replace("task: {", "task: {secrets: {TOKEN: vault/token}, "),
    )
    code, words = project.refusal("try", "shout", project.file())
    assert code == 1
    assert "has no secret vault/token: add a line" in words


def test_an_environment_that_cannot_be_made_says_why(project):
    definition = (project.root / "pipelines/shout.yaml").read_text()
    project.write(
        "pipelines/shout.yaml", definition.replace("task: {", "task: {environment: broken, ")
    )
    pinned = f"no-such-package==1.0 --hash=sha256:{'0' * 64}\n"
    project.write("task_scripts/environments/broken.txt", pinned)
    project.write("task_scripts/environments/broken.zip", b"no archive")
    code, words = project.refusal("try", "shout", project.file())
    assert code == 1
    assert "preparation-failed" in words
    assert "environment.zip is damaged" in words
