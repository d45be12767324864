"""The runner as on a node: in one folder, started as a process, checked by the files it leaves."""

import hashlib
import signal
import time

import pytest

from tests.compatibility.later import added_to
from tests.node.conftest import Node, Witness
from tests.patience import stretched


def test_outputs_are_moved_out_flat_and_listed_with_size_and_digest(node: Node) -> None:
    node.sh('mkdir "$1/deep"; printf abc > "$1/deep/b.txt"; printf "" > "$1/a.txt"', "{output}")
    receipt = node.run()
    first, second = receipt["items"][0]["outputs"]
    attempt = receipt["attempt"]
    assert first["name"] == "a.txt"
    assert first["size"] == 0
    assert second == {
        "name": "deep/b.txt",
        "blob": f"o-{attempt}-1",
        "size": 3,
        "sha256": hashlib.sha256(b"abc").hexdigest(),
    }
    assert (node.folder / second["blob"]).read_bytes() == b"abc"
    assert {path.name[0] for path in node.folder.iterdir()} == {"o", "l", "r", "p"}


def test_a_receipt_has_node_times_and_every_item_in_order(node: Node) -> None:
    receipt = node.sh("exit $((FANFARE_ITEM % 2))").items(3).run()
    assert [item["id"] for item in receipt["items"]] == [0, 1, 2]
    assert [item["outcome"] for item in receipt["items"]] == ["succeeded", "failed", "succeeded"]
    assert receipt["node"] == "tvmps_1"
    assert receipt["started_at"].endswith("Z")
    assert receipt["seconds"] >= 0


def test_a_receipt_tells_how_long_the_download_took_and_no_program_sees_since_when(
    node: Node,
) -> None:
    node.environ["FANFARE_DOWNLOAD_BEGAN"] = f"{time.time() - 60:.3f}"
    receipt = node.sh('test -z "$FANFARE_DOWNLOAD_BEGAN"').run()
    assert 60 <= receipt["download_seconds"] < 60 + stretched(20)
    assert receipt["items"][0]["outcome"] == "succeeded"


def test_files_that_an_attempt_before_left_tell_nothing_of_a_download(node: Node) -> None:
    node.environ["FANFARE_DOWNLOAD_BEGAN"] = f"{time.time() - 60:.3f}"
    (node.folder / "l-0123456789abcdef.txt").touch()
    assert node.sh("true").run()["download_seconds"] is None


def test_a_failing_program_is_tried_as_often_as_its_cause_allows(node: Node) -> None:
    node.page["tries"] = {"program-failed": 3, "timed-out": 9}
    item = node.sh("echo try $FANFARE_TRY; exit 4").run_one()
    assert (item["cause"], item["exit_code"], item["tries"]) == ("program-failed", 4, 3)
    assert item["tail"] == "try 3\nThe program exited with code 4."
    assert node.log.count("== item 0, try") == 3


def test_a_try_that_works_ends_the_trying(node: Node) -> None:
    node.page["tries"] = {"program-failed": 3}
    item = node.sh('touch "$1/x"; test $FANFARE_TRY = 2', "{output}").run_one()
    assert (item["outcome"], item["tries"], len(item["outputs"])) == ("succeeded", 2, 1)


def test_hostile_parameters_stay_one_argument(node: Node) -> None:
    value = "--x $(touch pwned)`id`;'\"\n{input} ü 名"
    script = 'printf "%s|" "$@" > "$FANFARE_OUTPUT/args"; test $# = 2'
    receipt = node.sh(script, "{value}", "a{{b}}").item(value=value).run()
    written = node.folder / receipt["items"][0]["outputs"][0]["blob"]
    assert written.read_text() == f"{value}|a{{b}}|"


def test_a_parameter_with_a_nul_fails_its_item_with_a_reason(node: Node) -> None:
    item = node.sh("true", "{value}").item(value="a\0b").run_one()
    assert (item["cause"], item["exit_code"]) == ("program-failed", None)
    assert "null byte" in item["tail"]


def test_a_program_that_hangs_is_timed_out_with_all_its_descendants(
    node: Node, witness: Witness
) -> None:
    node.page["item_timeout_s"] = 0.6
    script = 'exec 3> "$1"; echo >&3; echo words; setsid sleep 90 & sleep 90'
    item = node.sh(script, "{w}").item(w=witness.path).run_one()
    assert item["cause"] == "timed-out"
    assert item["tail"] == "words\nThe program was stopped after 0.6 s."
    assert witness.all_gone()


def test_a_daemon_left_by_a_program_that_succeeded_is_gone_too(
    node: Node, witness: Witness
) -> None:
    script = 'exec 3> "$1"; echo >&3; setsid sleep 90 & exit 0'
    item = node.sh(script, "{w}").item(w=witness.path).run_one()
    assert item["outcome"] == "succeeded"
    assert witness.all_gone()


def test_a_program_that_kills_its_parent_fails_alone(node: Node) -> None:
    receipt = node.sh("echo last words; test $FANFARE_ITEM = 1 || kill -9 $PPID").items(2).run()
    killer, other = receipt["items"]
    assert killer["cause"] == "program-failed"
    assert killer["tail"] == "last words\nThe program killed its parent."
    assert other["outcome"] == "succeeded"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_runner_that_is_ended_takes_its_program_along(
    node: Node, witness: Witness, number: signal.Signals
) -> None:
    node.sh('exec > "$1"; echo; setsid sleep 90 & sleep 90', "{w}").item(w=witness.path)
    with node.start() as runner:
        witness.wait_for_word()
        runner.send_signal(number)
        witness.wait_for_end()
        assert runner.wait(stretched(10)) in {143, -signal.SIGKILL}
    assert not list(node.folder.glob("r-*"))


def test_a_flood_of_output_is_drained_and_kept_in_bounds(node: Node) -> None:
    node.sh('echo first; head -c 100000000 /dev/zero | tr "\\0" "y" >&2; echo; echo last; exit 1')
    item = node.run_one()
    assert item["tail"] == "last\nThe program exited with code 1."
    assert "first" in node.log
    assert "bytes left out" in node.log
    assert len(node.log) < 90_000


def test_control_characters_are_spelt_out(node: Node) -> None:
    item = node.sh(r"printf 'a\033[31mb\377c\rd\n'; exit 1").run_one()
    assert item["tail"].splitlines()[:2] == ["a\\x1b[31mb�c", "d"]


def test_a_missing_command_has_its_own_cause(node: Node) -> None:
    node.page["program"]["command"] = ["no-such-tool"]
    item = node.run_one()
    assert item["cause"] == "program-missing"
    assert item["tail"] == "The program cannot be started: No such file or directory."


def test_a_program_named_like_a_library_module_does_not_confuse_the_runner(node: Node) -> None:
    (node.scripts / "json.py").write_text("import sys; sys.exit(sys.argv[1] != '5')")
    node.page["program"] |= {"file": "json.py", "arguments": ["{n}"]}
    assert node.item(n=5).run_one()["outcome"] == "succeeded"


def test_a_missing_or_cut_input_fails_its_item_only(node: Node) -> None:
    node.page["inputs"] = [{"file": "in", "name": "n", "url": "", "size": 9}]
    (node.folder / "in").write_text("short")
    item = node.sh("true").item("in").run_one()
    assert (item["cause"], item["tail"]) == (
        "input-missing",
        "The input in has 5 bytes instead of 9.",
    )


def test_a_linked_output_and_one_with_a_newline_in_its_name_are_refused(node: Node) -> None:
    script = 'test $FANFARE_ITEM = 0 && ln -s /etc/passwd "$1/x" || touch "$1/a\nb"'
    link, newline = node.sh(script, "{output}").items(2).run()["items"]
    assert link["cause"] == newline["cause"] == "output-unusable"
    assert link["tail"] == "The output x is not a regular file."
    assert "'a\\nb'" in newline["tail"]
    assert link["outputs"] == newline["outputs"] == []


def test_without_a_readable_page_there_is_no_receipt_but_one_clear_line(node: Node) -> None:
    node.page["tasks"] = []
    with node.start() as runner:
        _, errors = runner.communicate(timeout=stretched(10))
    assert runner.returncode == 1
    assert errors == b"The task left no receipt: ValueError: page.json has no task 7\n"


@pytest.mark.parametrize("required", [False, True])
def test_a_program_that_writes_nothing_fails_where_an_output_is_required(
    node: Node, required: bool
) -> None:
    node.page["require_output"] = required
    item = node.sh("mkdir -p $FANFARE_OUTPUT/empty").run_one()
    assert item["cause"] == ("output-unusable" if required else None)
    assert (item["exit_code"], item["outputs"]) == (0, [])
    said = "The program ended well, but wrote no file into its output folder."
    assert item["tail"] == (said if required else "")


def test_an_item_gets_its_part_of_the_input_as_a_file(node: Node) -> None:
    node.page["cut"] = {"placeholder": "lines_file", "encoding": "utf-16-le"}
    (node.folder / "input.txt").write_bytes("\ufeffа\nб\nв\n".encode("utf-16-le"))
    node.sh('cat "$1" > "$FANFARE_OUTPUT/part.txt"', "{lines_file}")
    node.item("input.txt").page["tasks"][0]["items"][0]["spans"] = [(0, 3), (6, 9)]
    receipt = node.run()
    written = node.folder / receipt["items"][0]["outputs"][0]["blob"]
    assert written.read_text("utf-8") == "а\nв\n"


def test_an_item_that_writes_more_than_its_page_allows_fails_alone(node: Node) -> None:
    node.page["output_limits"] = {"files": 1, "bytes": 5000, "seconds": 60.0}
    script = 'echo x > "$1/x"; test $FANFARE_ITEM = 1 || truncate -s 1T "$1/x"'
    many, few = node.sh(script, "{output}").items(2).run()["items"]
    assert (many["cause"], few["cause"]) == ("output-unusable", None)
    assert "raise limits.outputs.bytes" in many["tail"]


def test_what_a_later_release_adds_to_a_page_is_ignored(node: Node) -> None:
    """After an upgrade tasks run with the runner that their run began with."""
    node.page["output_limits"] = {"files": 9, "bytes": 5000, "seconds": 60.0}
    node.page["cut"] = {"placeholder": "lines_file", "encoding": "utf-8"}
    (node.folder / "input.txt").write_text("a\nb\n", "utf-8")
    node.sh('cp "$1" "$FANFARE_OUTPUT/part.txt"', "{lines_file}").item("input.txt")
    node.page["tasks"][0]["items"][0]["spans"] = [(0, 2)]
    node.page = added_to(node.page)
    (item,) = node.run()["items"]
    assert (item["cause"], item["tail"]) == (None, "")
    assert [output["name"] for output in item["outputs"]] == ["part.txt"]
