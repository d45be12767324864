"""What `fanfare try` refuses, each in one clear line."""

import errno
import os

import pytest

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.trying import surroundings
from tests.fakes.definitions import POOL

NAME = "registry.example/tools/none:1"
IMAGE = """
trigger: {http: true}
split: {range: {start: 0, stop: 1, step: 1}}
task: {image: IMAGE, command: ["true"]}
pool: boxes
assemble: {none: {}}
""".replace("IMAGE", NAME)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("shuot", "FILE"), "There is no pipeline 'shuot'; did you mean 'shout'? (known: shout)."),
        (("shout", "nowhere.txt"), "There is no file nowhere.txt."),
        (("shout", "/"), "/ is not a file: name one."),
        (("shout",), "Pipeline shout splits its input (lines): name a file."),
        (("shout", "FILE", "--item", "3"), "There is no item 3 (there are 3, 0 to 2)."),
        (("shout", "FILE", "-p", "times"), "'times' is not a parameter: write -p name=value."),
        (("shout", "FILE", "--all", "--item", "1"), "--all, --item, --shell and --debug exclude"),
    ],
)
def test_a_wrong_use_is_refused_in_one_line(project, arguments, words):
    file = project.file()
    code, said = project.refusal("try", *(file if a == "FILE" else a for a in arguments))
    assert words in said
    assert len(said.splitlines()) == 1
    assert code in (Exit.USAGE, Exit.FAILED)


def test_a_shell_answers_people_alone(project):
    code, said = project.refusal("try", "shout", project.file(), "--shell", "--json")
    assert (code, "leave out --json" in said) == (Exit.USAGE, True)


def test_an_empty_file_starts_no_run_and_is_not_tried(project):
    assert "is empty" in project.refusal("try", "shout", project.file(""))[1]


def test_an_input_that_would_start_no_run_is_tried_with_a_note(project):
    tried = project("try", "shout", project.file(name="a.csv"))
    assert tried.exit_code == 0
    assert "'lines/a.csv' would start no run: shout accepts lines/* with .txt" in tried.stderr


def test_an_input_that_cannot_be_split_has_the_cause_of_a_run(project):
    code, said = project.refusal("try", "shout", project.file(b"\xff\xfe\xfa"))
    assert code == 1
    assert said.startswith("plan-failed: ")


def test_a_program_without_a_first_line_that_says_what_runs_it_is_refused(project):
    project.pipeline("plain", plain_sh="echo no shebang\n")
    code, said = project.refusal("try", "plain", project.file())
    assert code == Exit.USAGE
    assert "plain.sh does not say what runs it: begin it with a line such as #!/bin/sh" in said


def test_an_image_is_refused_on_a_machine_without_a_container_engine(project, monkeypatch):
    project.write("pools/boxes.yaml", f"{POOL}containers: {{images: [{NAME}]}}\n")
    project.write("pipelines/boxed.yaml", IMAGE)
    monkeypatch.setenv("PATH", "/nowhere")
    code, said = project.refusal("try", "boxed")
    assert code == 1
    assert "this machine has neither podman nor docker" in said


def test_a_full_disk_names_the_folder_and_the_remedy(project, tmp_path):
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    told = pytest.raises(CommandError, match=f"The disk of {tmp_path} is full .* set TMPDIR")
    with told, surroundings.folder(kept=False):
        raise full


def test_a_debugger_that_is_not_installed_is_told_with_the_remedy(project):
    _, said = project.refusal("try", "shout", project.file(), "--debug")
    assert "has no debugpy: give the program an `environment: NAME`" in said


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("TMPDIR", "No temporary folder can be made"),
        ("XDG_CACHE_HOME", "set XDG_CACHE_HOME to a folder in which you may write"),
    ],
)
def test_a_folder_that_cannot_be_made_is_named_with_the_variable(
    project, tmp_path, monkeypatch, variable, words
):
    (tmp_path / "file").touch()
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    if variable == "TMPDIR":  # the library would look for another one
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    code, said = project.refusal("try", "shout", project.file())
    assert code == 1
    assert words in said
