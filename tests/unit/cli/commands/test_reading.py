"""`fanfare ls`, `show`, `plan` and `schema`."""

import json
import re
from dataclasses import replace

import pytest

from pipeline.cli.exits import Exit
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.collecting.standing import standing
from pipeline.ledger.layout import partition
from pipeline.ports.tables import Replace
from tests.fakes.node import Failure
from tests.unit.cli.conftest import LINES
from tests.unit.handlers.nodes import lying, scripted

BUNDLED = LINES + "bundle: {items: 10}\n"
SPLIT_BY_PROGRAM = LINES.replace("lines: {}", "program: {program: cut.py, parameters: [line]}")


def test_nothing_to_list_says_how_to_begin(cli):
    assert "No runs yet" in cli("ls").stdout
    assert cli.json("ls") == {"runs": [], "unreadable": []}


def test_show_tells_how_each_item_stands(cli_with):
    cli = cli_with(LINES + "tolerance: {failed_items: 1}\n")
    cli.app.program = lambda item: Failure("timed-out") if item.id == 1 else [("a", b"x")]
    run = cli.finished()
    items = cli.json("show", run, "--items")
    assert [item["state"] for item in items] == ["succeeded", "failed", "succeeded"]
    (failed,) = cli.json("show", run, "--state", "failed")
    assert (failed["item"], failed["cause"]) == (1, "timed-out")
    text = cli("show", run, "--items").stdout
    assert "1 failed, 2 succeeded" in text and "timed-out" in text


def test_show_tells_what_the_seconds_of_each_task_were_for(cli_with):
    cli = cli_with(LINES)
    run = cli.finished()
    tables = cli.app.world.tables
    row = tables.get("tasks", partition(run, 1), "t000000")
    known = {**row.values, "download_seconds": 12.0, "seconds": 6.0, "upload_seconds": 2.0}
    tables.transact("tasks", row.partition, [Replace(replace(row, values=known))])
    first, *_ = cli.json("show", run, "--tasks")
    assert (first["task"], first["state"], first["executions"]) == ("t000000", "done", 1)
    spent = (first["download_seconds"], first["seconds"], first["upload_seconds"])
    assert spent == (12.0, 6.0, 2.0)
    text = cli("show", run, "--tasks").stdout
    assert "3 tasks: download 12.0 s of 20.0 s, run 6.0 s, upload 2.0 s" in text
    assert "unknown of 2 tasks" in text


def test_the_page_of_a_run_tells_what_the_seconds_of_its_tasks_were_for(cli_with):
    cli = cli_with(LINES)
    known = lying(cli.app, lambda receipt: receipt.update(download_seconds=12.0, seconds=6.0))
    scripted(cli.app, {"t000000": [known]})
    run = cli.finished()
    spent = cli.json("show", run)["task_seconds"]
    assert (spent["tasks"], spent["download"], spent["run"]) == (1, 12.0, 6.0)
    (line,) = [one for one in cli("show", run).stdout.splitlines() if "task seconds" in one]
    assert "download 12.0 s of " in line


def test_a_page_says_nothing_of_seconds_that_nobody_knows(cli):
    assert "task seconds" not in cli("show", cli.finished()).stdout


def test_tasks_and_items_are_shown_apart(cli):
    run = cli.finished()
    assert cli("show", run, "--tasks", "--items").exit_code == Exit.USAGE


def test_the_list_shows_every_run_on_one_line(cli):
    run = cli.finished()
    (line,) = [line for line in cli("ls").stdout.splitlines() if run in line]
    assert "succeeded" in line and "input/lines/a.txt" in line
    assert cli.json("ls", "--active") == {"runs": [], "unreadable": []}


def test_a_run_is_found_by_the_beginning_of_its_id(cli):
    run = cli.finished()
    assert cli.json("show", run[:12])["id"] == cli.json("show", "latest")["id"] == run
    assert cli("show", "job-zzz").exit_code == Exit.FAILED


def test_a_beginning_that_fits_two_runs_is_refused(cli):
    cli.finished()
    cli.app.upload("lines/b.txt", b"x\n")
    cli.app.pump()
    assert "fits 2 runs" in cli("show", "job-").stderr


def test_show_names_files_and_failed_items_for_programs(cli_with):
    cli = cli_with(LINES + "tolerance: {failed_items: 1}\n")
    cli.app.program = lambda item: Failure() if item.id == 1 else [("p", b"%d\n" % item.id)]
    cli.finished()
    shown = cli.json("show", "latest")
    assert [file["name"] for file in shown["files"]] == ["all.txt"]
    assert [(item["unit"], item["id"]) for item in shown["failed_items"]] == [("t000001", 1)]


def test_show_tells_what_the_largest_items_took_while_a_run_works_and_afterwards(cli_with):
    cli = cli_with(LINES + "tolerance: {failed_items: 1}\n")
    killed = Failure("out-of-memory", "", -9, memory=3 << 30, disk=5 << 20)
    cli.app.program = lambda item: killed if item.id == 1 else [("p", b"x")]
    cli.app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    cli.app.pump()
    batch, node = cli.app.world.batch, cli.app.world.node(cli.app.program)
    (job,) = batch.jobs
    for task in list(batch.active(job))[:2]:
        batch.run_task(job, task, node)
    cli.app.pump()
    for over in (False, True):
        shown = cli.json("show", "latest")
        assert (shown["state"] == "succeeded") is over
        assert (shown["peak_memory"], shown["peak_disk"]) == (3 << 30, 5 << 20)
        (item,) = shown["failed_items"]
        assert (item["cause"], item["memory"], item["disk"]) == ("out-of-memory", 3 << 30, 5 << 20)
        told = cli("show", "latest").output
        assert re.search(r"peak +3\.2 GB of memory, 5\.2 MB of disk", told)
        assert "out-of-memory, exit code -9, 1 tries, 3.2 GB of memory, 5.2 MB of disk" in told
        cli.app.settle()


def with_a_large_task(cli_with):
    """Make so many items of one task fail that its row has no room for them."""
    cli = cli_with(LINES + "bundle: {items: 300}\n")
    cli.app.program = lambda item: Failure(tail="x" * 1000)
    cli.app.upload("lines/a.txt", b"line\n" * 300)
    cli.app.settle()
    return cli


def test_show_reads_what_the_row_had_no_room_for_from_the_receipt(cli_with):
    found = with_a_large_task(cli_with).json("show", "latest")["failed_items"]
    assert (found[0]["cause"], len(found[0]["tail"])) == ("program-failed", 1000)


@pytest.mark.parametrize("damage", [b"", b"[1]", b"{", b"\xff" * (2 << 20)])
def test_show_reports_a_large_receipt_that_was_damaged_since(cli_with, damage):
    cli = with_a_large_task(cli_with)
    (receipt,) = cli.app.world.blobs.names("receipts")
    cli.app.world.blobs.put("receipts", receipt, damage)
    found = cli.json("show", "latest")["failed_items"]
    assert {item["cause"] for item in found} == {"output-lost"}
    assert "receipt changed" in found[0]["tail"]


def spoil(cli, run):
    """Damage the row of a run, as a person with Storage Explorer may."""
    row = cli.app.world.tables.get("runs", "job", run)
    row.values["state"] = "nonsense"


def test_a_damaged_row_hides_no_other_run_and_is_reported(cli):
    damaged = cli.finished()
    cli.app.upload("lines/b.txt", b"x\n")
    cli.app.settle()
    spoil(cli, damaged)
    listed = cli.json("ls")
    assert [run["id"] == damaged for run in listed["runs"]] == [False]
    assert damaged in listed["unreadable"][0]
    assert damaged in cli("ls").stderr
    shown = cli("show", "latest")
    assert shown.exit_code == Exit.OK, shown.stderr


def test_a_damaged_row_that_is_active_hides_no_other(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    spoil(cli, cli.app.only_run().id)
    assert cli.json("ls", "--active")["runs"] == []
    assert len(cli.json("ls", "--active")["unreadable"]) == 1


def test_show_counts_a_stage_program_as_the_verdict_does(cli_with):
    cli = cli_with(SPLIT_BY_PROGRAM)
    cli.app.program = lambda item: [("items.json", b'[{"parameters": {"line": "x"}}]')]
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    cli.app.run_tasks()
    cli.app.pump()
    run = cli.app.only_run().id
    assert (
        standing(cli.app.engine, run, ask=False).node_seconds == 0.5
    )  # a second of one of the node's two slots


def test_show_says_why_a_run_waits(cli):
    cli("pause", "job")
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    assert "job is paused" in cli("show", "latest").stdout


def test_a_name_cannot_steer_the_terminal(cli):
    cli.app.upload("lines/\x1b[2Jü.txt", b"x\n")
    cli.app.pump()
    shown = cli("show", "latest").stdout
    assert "\x1b" not in shown and "\\x1b[2Jü.txt" in shown


def test_the_plan_is_the_one_that_submit_carries_out(cli):
    planned = cli.json("plan", "job", cli.file())
    cli("run", "job", cli.file())
    run = cli.app.only_run()
    stored = json.loads(cli.app.world.blobs.read(cli.app.world.blobs.at(page_url(cli, run))))
    assert planned["pages"][0]["tasks"] == stored["tasks"]
    assert (planned["items"], planned["tasks"], planned["pool"]["tasks_at_once"]) == (3, 3, 8)


def page_url(cli, run):
    return cli.app.world.blobs.url(BlobRef("engine", f"{run.plan.folder}/p-00000.json"))


def test_a_plan_starts_nothing_and_estimates_from_earlier_runs(cli):
    cli.finished()
    result = cli("plan", "job", "input/lines/a.txt")
    assert "estimated from 1 earlier run" in result.stdout
    assert len(cli.app.all_runs()) == 1


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (1, "1 with 1 item and 1 slot\n"),
        (9, "1 with 9 items and 1 slot\n"),
        (20, "2 with 10 items and 1 slot each\n"),
        (21, "3 with at most 10 items and 1 slot each\n"),
    ],
)
def test_a_plan_says_what_its_tasks_really_carry(cli_with, lines, told):
    cli = cli_with(BUNDLED)
    shown = cli("plan", "job", cli.file(content=b"line\n" * lines)).output
    assert told in "".join(f"{line.rstrip()}\n" for line in shown.splitlines())


@pytest.mark.parametrize(
    ("definition", "file", "why"),
    [
        (LINES, None, "needs an input blob"),
        (LINES, b"\n\n", "no lines"),
        (SPLIT_BY_PROGRAM, b"x\n", "known only after it has run"),
    ],
)
def test_a_plan_refuses_what_cannot_work(cli_with, definition, file, why):
    cli = cli_with(definition)
    result = cli("plan", "job", *([] if file is None else [cli.file(content=file)]))
    assert result.exit_code == Exit.FAILED
    assert why in result.stderr


def test_schemas_are_written_for_editors(cli, tmp_path):
    written = cli.json("schema", "--folder", tmp_path / "s")
    assert json.loads((tmp_path / "s/pipeline.schema.json").read_text())["title"]
    assert set(written) == {"pipeline", "pool", "manifest", "completion-event", "openapi"}
    assert json.loads((tmp_path / "s/openapi.json").read_text())["openapi"] == "3.1.0"
    assert json.loads(cli("schema", "pool").stdout)["title"] == "Fanfare pool"


def test_a_failed_run_shows_what_to_do_about_it(cli):
    cli.app.program = lambda _item: Failure(tail="no such option")
    run = cli.finished()
    remedy = cli.json("show", run)["remedy"]
    assert remedy.startswith(f"fanfare logs {run}; by hand: correct the program or its input")
    assert f"→ {remedy}" in cli("show", run).stdout


def test_a_run_that_succeeded_needs_nothing(cli):
    assert cli.json("show", cli.finished())["remedy"] == ""
