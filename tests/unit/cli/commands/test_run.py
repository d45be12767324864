"""`fanfare run`, `redrive` and `watch`."""

import json

from pipeline.cli.exits import Exit
from tests.fakes.app import echo
from tests.fakes.node import Failure
from tests.unit.cli.conftest import LINES

ASKED = LINES.replace(
    "trigger: {blob: {container: input, prefix: lines/}, http: true}", "trigger: {http: true}"
)
LISTED = LINES.replace("lines: {}", "manifest: {container: input}").replace('"{line}", ', "")
TAKES = LINES + "parameters: {crf: {type: integer, default: 23}}\n"


def fails_once(item):
    return Failure(tail="no \x1b[31mluck") if item.id == 1 else [("p", b"x\n")]


def test_a_file_is_uploaded_followed_and_its_output_named(cli):
    result = cli("run", "job", cli.file())
    run = cli.app.only_run()
    assert result.exit_code == Exit.OK
    assert run.origin.kind == "blob" and run.input.name == "lines/a.txt"
    assert f"output/job/{run.id}/g1/" in result.stdout
    assert "3 of 3 items" in result.stdout


def test_every_file_becomes_a_run_and_json_shows_them_all(cli):
    answer = cli.json("run", "job", cli.file("a.txt"), cli.file("b.txt", b"x\n"))
    assert [run["state"] for run in answer["runs"]] == ["succeeded", "succeeded"]


def test_parameters_travel_as_metadata_and_start_one_run(cli_with):
    cli = cli_with(TAKES)
    cli("run", "job", cli.file(), "-p", "crf=30")
    assert cli.app.only_run().parameters == {"crf": 30}


def test_a_wrong_parameter_is_refused_before_anything_is_uploaded(cli_with):
    cli = cli_with(TAKES)
    result = cli("run", "job", cli.file(), "-p", "crd=30")
    assert (result.exit_code, cli.app.world.blobs.names("input")) == (Exit.USAGE, [])
    assert "did you mean 'crf'" in result.stderr


def test_files_of_a_folder_are_uploaded_before_the_list_that_names_them(cli_with):
    cli = cli_with(LISTED)
    folder = cli.folder / "album"
    (folder / "old").mkdir(parents=True)
    (folder / "a.png").write_bytes(b"a")
    (folder / "old/b.png").write_bytes(b"b")
    (folder / "link.png").symlink_to(cli.file("secret.txt", b"s"))
    listed = cli.file("list.json", b'["album/a.png", "album/old/b.png"]')
    result = cli("run", "job", listed, "--with", folder)
    assert result.exit_code == Exit.OK, result.output
    assert cli.app.world.blobs.names("input") == [
        "album/a.png", "album/old/b.png", "lines/list.json",
    ]  # fmt: skip
    assert cli.app.only_run().plan.items == 2


def test_a_folder_that_no_list_can_name_is_refused_before_any_upload(cli_with):
    (folder := cli_with(LISTED).folder / "empty").mkdir()
    for definition, wanted, reason in (
        (LISTED, folder, "has no files to upload"),
        (LISTED, folder / "absent", "There is no folder"),
        (LINES, folder, "job splits lines"),
    ):
        cli = cli_with(definition)
        result = cli("run", "job", cli.file(), "--with", wanted)
        assert result.exit_code == Exit.USAGE
        assert reason in " ".join(result.stderr.split())
        assert cli.app.world.blobs.names("input") == []


def test_an_unknown_pipeline_names_the_nearest(cli):
    result = cli("run", "jobb")
    assert result.exit_code == Exit.FAILED
    assert "did you mean 'job'" in result.stderr


def test_what_would_start_nothing_is_refused(cli_with):
    cli = cli_with(LINES.replace("prefix: lines/", "prefix: lines/, suffix: .txt"))
    for file in (cli.file("a.csv"), cli.file("empty.txt", b""), cli.folder / "absent.txt"):
        assert cli("run", "job", file).exit_code == Exit.USAGE
    assert cli.app.world.blobs.names("input") == []


def test_an_empty_blob_starts_nothing(cli):
    cli.app.upload("lines/empty.txt", b"")
    cli.app.settle()
    assert cli.json("ls") == {"runs": [], "unreadable": []}


def test_a_pipeline_that_starts_by_request_gets_its_file_outside_all_triggers(cli_with):
    cli = cli_with(ASKED)
    assert cli("run", "job", cli.file()).exit_code == Exit.OK
    run = cli.app.only_run()
    assert (run.origin.kind, run.input.container) == ("request", "work")


def test_the_same_key_is_the_same_run(cli_with):
    cli = cli_with(
        ASKED.replace("lines: {}", "range: {stop: 2, step: 1}").replace('"{line}", ', "")
    )
    for _ in range(2):
        cli("run", "job", "--key", "monday")
    assert cli.app.only_run().state == "succeeded"


def test_a_failed_run_exits_with_1_and_shows_what_its_item_printed(cli_with):
    cli = cli_with(program=fails_once)
    result = cli("run", "job", cli.file())
    assert result.exit_code == Exit.FAILED
    assert "item 1 (t000001): program-failed" in result.stdout
    assert "no \\x1b[31mluck" in result.stdout


def test_a_run_that_takes_too_long_continues_after_the_command(cli):
    started = cli.json("run", "job", cli.file(), "--no-wait")["runs"]
    cli.asleep = True
    result = cli("watch", started[0], "--timeout", "3")
    assert result.exit_code == Exit.TIMED_OUT
    assert "The work continues" in result.stderr


def test_a_timeout_counts_from_the_start_of_the_command_and_says_what_is_missing(cli):
    cli.asleep = True  # the app does not run, so the upload's event waits
    result = cli("run", "job", cli.file(), "--timeout", "3")
    assert result.exit_code == Exit.TIMED_OUT
    assert "the file is uploaded, but run job-" in result.stderr


def test_a_timeout_names_what_the_run_waits_for(cli):
    started = cli.json("run", "job", cli.file(), "--no-wait")["runs"]
    cli.asleep = True
    said = " ".join(cli("watch", started[0], "--timeout", "3").stderr.split())
    assert f"{started[0]} is running (receipts-on-their-way: all tasks are over" in said


def test_redrive_follows_the_next_generation(cli_with):
    cli = cli_with(program=fails_once)
    cli("run", "job", cli.file())
    cli.app.program = lambda item: [("p", b"x\n")]
    result = cli("redrive", "latest")
    assert result.exit_code == Exit.OK
    assert "generation  2" in result.stdout


def test_redriving_what_succeeded_is_refused(cli):
    cli("redrive", cli.finished())
    result = cli("redrive", "latest")
    assert result.exit_code == Exit.FAILED
    assert "none of its items failed" in result.stderr


def test_watching_nothing_says_so(cli):
    assert "No run is active" in cli("watch").stdout


def test_errors_in_json_are_json(cli):
    result = cli("show", "job-0", "--json")
    assert json.loads(result.stderr)["code"] == result.exit_code == Exit.FAILED


def test_two_files_that_would_become_one_blob_are_refused_before_any_upload(cli, tmp_path):
    (tmp_path / "other").mkdir()
    first, second = cli.file("a.txt"), cli.file("other/a.txt")
    result = cli("run", "job", first, second)
    assert result.exit_code == 2
    assert "Two files are called a.txt" in result.stderr
    assert cli.app.all_runs() == []


def test_the_output_is_fetched_when_the_run_has_ended(cli, tmp_path):
    result = cli("run", "job", cli.file(), "--get", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out/all.txt").read_bytes()
    again = cli("run", "job", cli.file("b.txt"), "--get", tmp_path / "out")
    assert again.exit_code == 2
    assert "has the output of an earlier run: name another folder" in again.stderr
    assert len(cli.app.all_runs()) == 1


def test_a_place_that_cannot_take_the_output_is_refused_before_anything_starts(cli):
    for place in (cli.file("taken"), cli.file("taken") / "out"):
        result = cli("run", "job", cli.file(), "--get", place)
        assert result.exit_code == Exit.USAGE
        assert "is no folder in which you may write" in result.stderr
    assert cli.app.all_runs() == []


def test_each_of_several_files_gets_a_folder_by_its_name(cli, tmp_path):
    result = cli("run", "job", cli.file("a.txt"), cli.file("b.txt"), "--get", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.txt", "b.txt"]


def test_an_output_cannot_be_fetched_without_waiting_for_it(cli, tmp_path):
    result = cli("run", "job", cli.file(), "--get", tmp_path / "out", "--no-wait")
    assert (result.exit_code, "leave out --no-wait" in result.stderr) == (2, True)


def test_many_runs_are_listed_and_only_failures_get_a_page(cli):
    cli.app.program = lambda item: Failure(tail="no luck") if "three" in str(item) else echo(item)
    files = [cli.file(f"{n}.txt", b"one\n" if n else b"three\n") for n in range(3)]
    result = cli("run", "job", *files)
    assert result.exit_code == 1
    assert result.stdout.count("shows all of it") == 1
    assert result.stdout.count("✔ succeeded") == 2


def test_outputs_of_many_runs_are_told_in_one_line(cli, tmp_path):
    files = [cli.file(f"{n}.txt") for n in range(3)]
    result = cli("run", "job", *files, "--get", tmp_path / "out")
    assert result.stderr == f"3 outputs fetched into {tmp_path}/out.\n"
