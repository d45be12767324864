"""`fanfare cancel`, `pause`, `resume`, `backfill` and `purge`."""

import json
from datetime import timedelta

from pipeline.cli.exits import Exit
from tests.fakes.node import Failure
from tests.unit.cli.conftest import LINES


def test_cancel_ends_a_run_and_says_so(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    assert "is cancelled" in cli("cancel", "latest").stdout
    assert cli("cancel", "latest").exit_code == Exit.FAILED


def test_a_paused_pipeline_waits_until_it_is_resumed(cli):
    assert cli.json("pause", "job")["changed"]
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    assert cli.app.only_run().state == "waiting"
    cli("resume", "job")
    cli.app.settle()
    assert cli.app.only_run().state == "succeeded"
    assert not cli.json("resume", "job")["changed"]


def test_everything_can_be_paused_and_resumed(cli):
    assert cli.json("pause", "--all") == {"pipelines": ["job"], "paused": True, "changed": ["job"]}
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    assert cli.app.only_run().state == "waiting"
    assert cli.json("resume", "--all")["changed"] == ["job"]
    cli.app.settle()
    assert cli.app.only_run().state == "succeeded"


def test_everything_can_be_cancelled_and_nothing_begins_in_between(cli_with):
    cli = cli_with(LINES + "max_concurrent_runs: 1\n")
    for name in "abc":
        cli.app.upload(f"lines/{name}.txt", b"x\n")
    cli.app.pump()
    assert cli("cancel", "--all").exit_code == Exit.USAGE
    begun = len(cli.app.world.batch.jobs)
    assert len(cli.json("cancel", "--all", "--yes")["cancelled"]) == 3
    cli.app.settle()
    assert {str(run.state) for run in cli.app.all_runs()} == {"cancelled"}
    assert len(cli.app.world.batch.jobs) == begun
    assert cli.json("cancel", "--all")["cancelled"] == []


def test_a_brake_wants_a_name_or_all(cli):
    for command in ("pause", "resume", "cancel"):
        assert cli(command).exit_code == Exit.USAGE
        assert cli(command, "job", "--all").exit_code == Exit.USAGE


def lost_uploads(cli, count):
    for number in range(count):
        cli.app.upload(f"lines/{number}.txt", b"x\n")
        (message,) = cli.app.world.queues.receive("blob-events", 1)
        cli.app.world.queues.delete("blob-events", message)
    cli.app.world.clock.advance(minutes=1)


def test_a_dry_backfill_counts_and_starts_nothing(cli):
    lost_uploads(cli, 3)
    result = cli("backfill", "job", "--dry-run")
    assert "3 blobs without a run, 6 B; expected cost unknown" in result.stdout
    assert cli.app.all_runs() == []


def test_backfill_asks_first_and_starts_each_blob_once(cli):
    lost_uploads(cli, 2)
    assert cli("backfill", "job").exit_code == Exit.USAGE
    assert len(cli.json("backfill", "job", "--yes")["started"]) == 2
    cli.app.settle()
    assert cli.json("backfill", "job", "--yes")["started"] == []
    assert len(cli.app.all_runs()) == 2


def test_a_backfill_goes_on_where_its_limit_was(cli):
    lost_uploads(cli, 5)
    first = cli.json("backfill", "job", "--limit", "2", "--yes")
    assert (len(first["started"]), first["over"], first["goes_on_after"]) == (2, False, None)
    assert "after these" in cli("backfill", "job", "--limit", "2", "--yes").stdout
    dry = cli("backfill", "job", "--dry-run").stdout
    assert "Going on after lines/3.txt, where a backfill stopped: 1 blob" in dry
    last = cli.json("backfill", "job", "--yes")
    assert (len(last["started"]), last["over"]) == (1, True)
    assert len(cli.app.all_runs()) == 5
    assert cli.json("backfill", "job", "--yes")["started"] == []


def test_a_backfill_without_a_blob_left_begins_with_the_first_one_again(cli):
    lost_uploads(cli, 3)
    cli("backfill", "job", "--limit", "2", "--yes")
    cli.app.upload("lines/2.txt", b"x\n")
    cli.app.pump()  # its event was only late
    assert cli.json("backfill", "job", "--yes")["goes_on_after"] == "lines/1.txt"
    assert cli.json("backfill", "job", "--yes")["goes_on_after"] is None


def test_purge_deletes_everything_but_the_tombstone(cli):
    run = cli.finished()
    event = cli.app.world.blobs.created_event(cli.app.world.blobs.at(cli.app.only_run().input.url))
    assert cli("purge", run, "--yes").exit_code == Exit.OK
    names = cli.app.world.blobs.names
    assert names("work", run) == names("engine", run) == names("receipts", run) == []
    assert names("output", f"job/{run}/")
    assert cli.app.world.tables.rows("tasks") == cli.app.world.tables.rows("progress") == []
    cli.app.world.queues.send("blob-events", json.dumps(event))
    cli.app.settle()
    assert cli.app.only_run().state == "succeeded"
    assert cli.json("ls")["runs"][0]["purged_at"]
    assert "purged" in cli("show", run).stdout


def test_a_purged_run_cannot_be_redriven(cli):
    cli.app.program = lambda _item: Failure()
    run = cli.finished()
    cli("purge", run, "--yes")
    result = cli("redrive", run)
    assert result.exit_code == Exit.FAILED
    assert "was purged" in result.stderr


def test_purge_with_output_leaves_no_alias_behind(cli):
    run = cli.finished()
    assert cli.app.world.blobs.names("output", "job/latest")
    cli("purge", run, "--output", "--yes")
    assert cli.app.world.blobs.names("output") == []


def test_purge_with_output_finds_the_alias_of_a_very_long_name(cli_with):
    cli = cli_with(LINES + "output: {alias: input-name}\n")
    cli.app.upload("lines/" + "x" * 950, b"one\n")
    cli.app.settle()
    assert cli.app.world.blobs.names("output", "job/by-name/")
    cli("purge", "latest", "--output", "--yes")
    assert cli.app.world.blobs.names("output") == []


def test_purge_by_age_takes_only_what_is_over_and_old(cli):
    old = cli.finished()
    cli.app.world.clock.advance(timedelta(days=31))
    cli.app.upload("lines/b.txt", b"x\n")
    cli.app.pump()
    assert cli.json("purge", "--older-than", "30d", "--dry-run")["runs"] == [old]
    assert cli("purge", "--older-than", "soon").exit_code == Exit.USAGE
    assert cli("purge").exit_code == Exit.USAGE


def test_an_active_run_cannot_be_purged(cli):
    cli.app.upload("lines/a.txt", b"x\n")
    cli.app.pump()
    result = cli("purge", "latest", "--yes")
    assert result.exit_code == Exit.FAILED
    assert "fanfare cancel" in result.stderr
