"""How a program gets its secrets on a node, and who else sees them."""

import json
import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.node.conftest import Node, Witness
from tests.patience import stretched

TOKEN = "tok-5f2c9a7be1"


def give(node: Node, form: str = "env", value: str = TOKEN) -> Node:
    node.page["program"]["secrets"] = ["TOKEN"]
    content = {"TOKEN": {"as": form, "value": value}}
    (node.folder / "secrets.json").write_text(json.dumps(content))
    return node


def left(node: Node) -> str:
    """Return the bytes of all files that a task leaves beside its page, and their names."""
    files = [path for path in node.folder.rglob("*") if path.is_file()]
    files.remove(node.folder / "page.json")
    names = [str(path.relative_to(node.folder)) for path in files]
    return "\n".join([*names, *(path.read_text(errors="replace") for path in files)])


def refused(node: Node) -> str:
    with node.start() as runner:
        _, errors = runner.communicate(timeout=stretched(30))
    assert runner.returncode == 74
    assert not list(node.folder.glob("r-*"))
    return errors.decode()


def test_a_program_gets_a_secret_as_a_variable_and_nothing_else_has_it(node: Node) -> None:
    script = 'test "$TOKEN" = tok-5f2c9a7be1 && test ! -e "$FANFARE_INPUT/../secrets.json"'
    assert give(node).sh(script).run_one()["outcome"] == "succeeded"
    assert TOKEN not in left(node)


def test_a_program_gets_a_secret_as_a_file_of_its_own_user(node: Node) -> None:
    node.page["tries"] = {"program-failed": 2}
    script = (
        'stat -c %a "$TOKEN"; cat "$TOKEN" > "$1/copy"; echo x > "$TOKEN"; test $FANFARE_TRY = 2'
    )
    receipt = give(node, "file").sh(script, "{output}").run()
    (item,) = receipt["items"]
    assert (item["outcome"], item["tries"]) == ("succeeded", 2)
    copy = node.folder / item["outputs"][0]["blob"]
    assert copy.read_text() == TOKEN  # in the second try too, although the first one wrote into it
    assert "600" in node.log
    copy.unlink()
    assert TOKEN not in left(node)


def test_a_file_holds_what_no_variable_can(node: Node) -> None:
    value = "one\0two\r\nthree ü"
    give(node, "file", value).sh('cat "$TOKEN" > "$1/copy"', "{output}")
    (output,) = node.run_one()["outputs"]
    assert (node.folder / output["blob"]).read_bytes() == value.encode()


@pytest.mark.parametrize(
    "script",
    [
        'echo "$TOKEN"; exit 3',
        'echo "$TOKEN" >&2; exit 3',
        'printf tok-5f2; sleep 0.1; printf "c9a7be1\\n"; exit 3',
        'printf %s "u:$TOKEN" | base64; exit 3',
        'head -c 20000 /dev/zero | tr "\\0" "."; echo $TOKEN; seq 90000; echo $TOKEN; exit 3',
        'exec "./$TOKEN"',
        'mkfifo "$FANFARE_OUTPUT/$TOKEN"',
    ],
)
def test_what_a_program_prints_of_a_secret_is_in_no_log_and_no_last_words(node, script) -> None:
    item = give(node).sh(script).run_one()
    assert item["outcome"] == "failed"
    assert "tok-5f2" not in left(node) and "c9a7be1" not in left(node)
    if "mkfifo" not in script:
        assert "[secret TOKEN]" in item["tail"] + node.log


def test_a_traceback_has_no_secret(node: Node) -> None:
    script = "import os; raise KeyError({'k': os.environ['TOKEN'] + chr(34)})"
    node.page["program"]["command"] = [sys.executable, "-S", "-E", "-c", script]
    item = give(node, value='a"b\\c\td\ne-long-enough').run_one()
    assert "KeyError: {'k': '[secret TOKEN]\"'}" in item["tail"]


def test_a_name_of_an_output_that_has_a_secret_is_refused(node: Node) -> None:
    give(node).sh('mkdir -p "$1/a/$TOKEN"; echo x > "$1/a/$TOKEN/b"', "{output}")
    item = node.run_one()
    assert (item["cause"], item["outputs"]) == ("output-unusable", [])
    assert "has a secret in it" in item["tail"]
    assert TOKEN not in left(node)


def test_a_secret_is_not_in_the_runners_own_environment(node: Node) -> None:
    script = """
        for pid in $PPID $(ps -o ppid= -p $PPID); do
            tr '\\0' '\\n' < /proc/$pid/environ | grep -c TOKEN
        done; true"""
    assert give(node).sh(script).run_one()["outcome"] == "succeeded"
    assert "0\n0\n" in node.log


def test_a_value_is_no_part_of_a_command(node: Node) -> None:
    value = "$(touch pwned)`id`; --shell {input}"
    script = 'test "$TOKEN" = "$1" && test ! -e pwned'
    give(node, value=value).sh(script, "{value}").item(value=value)
    assert node.run_one()["outcome"] == "succeeded"


def test_25_kilobytes_come_whole_in_both_forms(node: Node) -> None:
    value = "".join(chr(33 + number % 94) for number in range(25 * 1024))
    give(node, value=value).sh('test ${#TOKEN} = 25600; echo "$TOKEN"; exit $?')
    assert node.run_one()["outcome"] == "succeeded"
    assert "[secret TOKEN]" in node.log


def test_a_program_that_kills_the_runner_leaves_no_file_and_the_next_try_has_its_secret(
    node: Node,
) -> None:
    node.page["tries"] = {"program-failed": 2}
    script = 'test $FANFARE_TRY = 2 && test -s "$TOKEN" && exit; kill -9 $(ps -o ppid= -p $PPID)'
    item = give(node, "file").sh(f"{script}; sleep 30").run_one()
    assert (item["outcome"], item["tries"]) == ("succeeded", 2)
    assert TOKEN not in left(node)


def test_a_runner_that_is_ended_leaves_no_file(node: Node, witness: Witness) -> None:
    node = give(node, "file").sh('exec 3> "$1"; echo >&3; sleep 90', "{w}").item(w=witness.path)
    with node.start() as runner:
        witness.wait_for_word()
        runner.send_signal(signal.SIGTERM)
        runner.communicate(timeout=stretched(30))
    assert TOKEN not in left(node)


def test_a_task_whose_secrets_did_not_come_is_one_whose_files_did_not(node: Node) -> None:
    node.page["program"]["secrets"] = ["TOKEN"]
    said = "Not fetched: the file with the secrets of the task is missing\n"
    assert refused(node.sh("true")) == said


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"TOKEN": "tok-5f2c9a7be1"}',
        '{"TOKEN": {"as": "env", "value": 7}}',
        '{"TOKEN": {"as": "shell", "value": "tok-5f2c9a7be1"}}',
        '{"../TOKEN": {"as": "file", "value": "tok-5f2c9a7be1"}}',
        '{"TOKEN": {"as": "env", "value": "\\ud800"}}',
        '{"OTHER": {"as": "env", "value": "tok-5f2c9a7be1"}}',
        "[" * 100_000,
    ],
)
def test_a_damaged_file_of_secrets_is_refused_without_its_words(node: Node, content) -> None:
    give(node.sh("true"))
    (node.folder / "secrets.json").write_text(content)
    said = refused(node)
    assert said.startswith("Not fetched: the file of secrets ")
    assert "tok" not in said
    assert not (node.folder / "secrets.json").exists()


def test_a_link_in_place_of_the_file_is_not_followed(node: Node, tmp_path: Path) -> None:
    give(node.sh("true"))
    (node.folder / "secrets.json").rename(tmp_path / "elsewhere")
    (node.folder / "secrets.json").symlink_to(tmp_path / "elsewhere")
    with node.start() as runner:
        runner.communicate(timeout=stretched(30))
    assert runner.returncode != 0
    assert not list(node.folder.glob("r-*"))


def test_other_users_reach_no_folder_of_secrets(node: Node) -> None:
    give(node, "file").sh('test -s "$TOKEN"').run_one()
    assert stat.S_IMODE(node.folder.stat().st_mode) == 0o700
