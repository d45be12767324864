"""`fanfare ledger export` and `rebuild`."""

import json
import re
import shlex

from pipeline.cli.exits import Exit
from pipeline.handlers.doors.http import answering, start_run
from pipeline.handlers.keeping.retention import retain
from pipeline.handlers.starting import lost_events
from tests.fakes.node import Failure
from tests.unit.handlers.keeping.test_rebuild import lose


def lines(path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_an_export_has_every_row_once_and_says_what_it_is(cli, tmp_path):
    run, file = cli.finished(), tmp_path / "ledger.jsonl"
    assert "rows written" in cli("ledger", "export", file).stdout
    first, *rows, last = lines(file)
    assert (first["format"], first["version"]) == ("fanfare-ledger", 1)
    tables = cli.app.world.tables
    expected = [(n, r.partition, r.key) for n in ("runs", "tasks", "progress", "pools")
                for r in tables.rows(n)]  # fmt: skip
    assert sorted((r["table"], r["partition"], r["key"]) for r in rows) == sorted(expected)
    assert last == {"rows": len(expected)}
    (row,) = [r for r in rows if r["key"] == run]
    assert row["values"]["state"] == "succeeded"
    assert row["values"]["created_at"]["time"].startswith("2026-11-23T")


def test_an_export_has_no_secret(cli, tmp_path):
    cli.app.program = lambda item: Failure() if item.id else [("part.txt", b"x\n")]
    cli.finished()
    cli.app.upload("lines/going.txt", b"one\n")
    cli.app.pump()
    seals = [run.seal for run in cli.app.all_runs()]
    addresses = [
        run.names.address(unit) for run in cli.app.all_runs() for unit in ("t000000", "t000001")
    ]
    cli("ledger", "export", tmp_path / "ledger.jsonl")
    text = (tmp_path / "ledger.jsonl").read_text("utf-8")
    assert all(seals)
    assert [secret for secret in (*seals, *addresses) if secret in text] == []
    assert not re.search(r"/x[0-9]+-[0-9a-f]{32}", text)


def test_an_export_is_whole_or_not_there(cli, tmp_path):
    cli.finished()

    def broken(_table, _partition, _first="", _before=""):
        raise ValueError("the service answered nonsense")

    tables = cli.app.world.tables
    real, tables.query = (
        tables.query,
        lambda table, *more: broken(table, *more) if table == "pools" else real(table, *more),
    )
    assert cli("ledger", "export", tmp_path / "ledger.jsonl").exit_code != 0
    assert [path.name for path in tmp_path.iterdir()] == []


def test_a_file_that_exists_is_not_overwritten(cli, tmp_path):
    file = cli.file("there.jsonl", b"mine")
    assert cli("ledger", "export", file).exit_code == Exit.USAGE
    assert file.read_bytes() == b"mine"


def test_a_rebuild_says_what_it_put_back_and_what_to_look_at(cli):
    run = cli.finished()
    lose(cli.app, "runs", "tasks")
    answer = cli.json("ledger", "rebuild", "--yes")
    assert (answer["runs"], answer["results"], answer["refused"]) == (1, 3, [])
    assert cli.json("ls")["runs"][0]["id"] == run
    assert cli.json("show", run)["done"] == 3
    text = cli("ledger", "rebuild", "--yes").stdout
    assert "0 runs put back" in text


def test_it_asks_before_it_changes_anything(cli):
    cli.finished()
    lose(cli.app, "runs")
    assert cli("ledger", "rebuild").exit_code == Exit.USAGE
    assert cli.app.all_runs() == []


def test_the_command_of_a_refused_start_cures(cli):
    cli.finished()
    lose(cli.app, "runs")
    cli.app.upload("other/a.txt", b"one\n")
    source = {"container": "input", "name": "other/a.txt"}
    body = json.dumps({"pipeline": "job", "idempotency_key": "a", "input": source}).encode()
    engine = cli.app.engine
    refused = answering(lambda: start_run(engine, body, None))
    assert (refused.status, refused.body["retry"]) == (503, True)
    (command,) = re.findall(r"run `(fanfare [^`]+)`", str(refused.body["error"]))
    assert cli(*shlex.split(command)[1:]).exit_code == Exit.OK
    assert answering(lambda: start_run(engine, body, None)).status == 202


def test_the_command_that_a_backfill_prints_starts_what_lies_below_the_watermark(cli):
    cli.app.pass_time()
    cli.finished()
    for days in (33, 70):
        cli.app.world.clock.advance(days=days)
        lost_events.sweep_events(cli.app.engine)
        retain(cli.app.engine)
    assert cli.app.all_runs() == []
    said = cli("backfill", "job", "--dry-run").stdout
    assert "0 blobs without a run" in said and "1 blob from before" in said
    (command,) = re.findall(r"`(fanfare [^`]+)`", said)
    assert cli(*shlex.split(command)[1:], "--yes").exit_code == Exit.OK
    cli.app.settle()
    assert [(run.generation, run.state) for run in cli.app.all_runs()] == [(2, "succeeded")]


def test_a_tombstone_is_listed_shown_and_has_no_log(cli):
    run = cli.finished()
    cli.app.world.clock.advance(days=32)
    retain(cli.app.engine)
    assert cli.json("ls")["runs"][0]["purged_at"]
    shown = cli("show", run)
    assert shown.exit_code == Exit.OK and "plan, logs and receipts are deleted" in shown.stdout
    assert "were deleted" in cli("logs", run, "--all").stderr
    refused = cli("redrive", run)
    assert refused.exit_code == Exit.FAILED and "was purged on 2026-12-25" in refused.stderr
