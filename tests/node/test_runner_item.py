"""How an item becomes an argument list, and what counts as an output."""

import os
from pathlib import Path

import pytest

from task_scripts.runtime.files.runner_folder import Folder
from task_scripts.runtime.files.runner_pack import Pack
from task_scripts.runtime.runner_item import (
    Item,
    Limits,
    Place,
    Program,
    Target,
    Unfit,
    argument_list,
    collect,
    environment_for,
    python_of,
)

PLACE = Place(Path("/task"), Path("/task/work"), Path("/task/out"))
SCRIPTS = Path("/scripts")
NONE = Limits()


def filled(*arguments: str, inputs: tuple[str, ...] = (), **parameters: object) -> list[str]:
    program: Program = {
        "file": None,
        "command": ["tool"],
        "arguments": list(arguments),
        "environment": None,
    }
    item: Item = {"id": 3, "inputs": list(inputs), "parameters": parameters}
    return argument_list(program, SCRIPTS, item, PLACE, {})[1:]


def test_placeholders_become_absolute_paths_and_plain_text() -> None:
    assert filled(
        "{input}", "{output}", "--n={item}", "{inputs}", "{parts}", inputs=("in/0", "in/1")
    ) == ["/task/in/0", "/task/out", "--n=3", "/task/in/0", "/task/in/1", "/task/parts.json"]


def test_numbers_and_booleans_are_written_as_programs_read_them() -> None:
    assert filled("{a}", "{b}", "{c}", a=True, b=1.5, c=-2) == ["true", "1.5", "-2"]


@pytest.mark.parametrize("value", ["{b}", "{{", "}", "$(x) `y`;'\"", "-rf", "a\nb", "", "{output}"])
def test_no_value_is_expanded_again(value: str) -> None:
    assert filled("x{a}y{b}", a=value, b="{a}") == [f"x{value}y{{a}}"]


def test_a_parameter_cannot_take_the_place_of_a_reserved_name() -> None:
    assert filled("{output}", output="/etc") == ["/task/out"]


@pytest.mark.parametrize("argument", ["{missing}", "{input}"])
def test_a_placeholder_without_value_is_refused(argument: str) -> None:
    with pytest.raises(Unfit, match="no value for") as caught:
        filled(argument)
    assert caught.value.cause == "program-failed"


def test_the_original_name_reaches_the_program_as_data_only() -> None:
    item: Item = {"id": 3, "inputs": ["in/0"], "parameters": {"a": 1}}
    environ = environment_for(item, PLACE, {"in/0": "$(x).mp4"})
    assert environ["FANFARE_INPUT"] == "/task/in/0"
    assert environ["FANFARE_INPUT_NAME"] == "$(x).mp4"
    assert environ["FANFARE_PARAMETERS"] == '{"a": 1}'


def test_an_environment_that_was_not_prepared_is_program_missing(tmp_path: Path) -> None:
    program: Program = {
        "file": "a.py",
        "command": None,
        "arguments": [],
        "environment": "media.txt",
    }
    with pytest.raises(Unfit, match=r"media\.txt was not prepared") as caught:
        python_of(program, tmp_path)
    assert caught.value.cause == "program-missing"


def test_a_script_that_is_not_on_the_node_is_program_missing(tmp_path: Path) -> None:
    program: Program = {
        "file": "gone.py",
        "command": None,
        "arguments": [],
        "environment": None,
    }
    item: Item = {"id": 3, "inputs": [], "parameters": {}}
    with pytest.raises(Unfit, match=r"The program gone\.py is not on the node") as caught:
        argument_list(program, tmp_path, item, PLACE, {})
    assert caught.value.cause == "program-missing"


def refused(folder: Path, limits: Limits = NONE) -> str:
    with pytest.raises(Unfit) as caught:
        place = Folder.at(folder)
        collect(place, Target(place, lambda: "moved", Pack(place, lambda: "packed", 10)), limits)
    assert caught.value.cause == "output-unusable"
    return str(caught.value)


def test_a_pipe_a_linked_folder_and_an_unprintable_name_are_refused(tmp_path: Path) -> None:
    for folder in "abc":
        (tmp_path / folder).mkdir()
    os.mkfifo(tmp_path / "a" / "pipe")
    (tmp_path / "b" / "link").symlink_to("/etc")
    Path(os.fsdecode(os.fsencode(tmp_path / "c") + b"/\xff")).touch()
    assert refused(tmp_path / "a") == "The output pipe is not a regular file."
    assert refused(tmp_path / "b") == "The output link is not a regular file."
    assert "unprintable" in refused(tmp_path / "c")


def test_a_name_longer_than_storage_accepts_is_refused(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["d" * 200] * 3)
    deep.mkdir(parents=True)
    (deep / "file").touch()
    assert "longer than 512" in refused(tmp_path)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        (
            Limits(files=2, bytes=1 << 50),
            "more than 2 files and folders: write fewer, or raise limits.outputs.files",
        ),
        (Limits(bytes=1 << 39), "more than 549,755,813,888 bytes: write fewer, or raise"),
        (Limits(seconds=-1), "not collected within -1 s: write less, or raise limits.outputs.time"),
    ],
)
def test_outputs_beyond_a_limit_are_refused_before_they_are_read(
    tmp_path: Path, limits: Limits, said: str
) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").touch()
    with (tmp_path / "sparse").open("wb") as file:
        file.truncate((1 << 39) + 1)
    assert said in refused(tmp_path, limits)
    assert not (tmp_path / "moved").exists()
