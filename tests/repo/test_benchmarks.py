"""The benchmarks start and count, so that a broken benchmark is noticed."""

import json
from collections import Counter

from benchmarks import __main__ as bench
from benchmarks import batch, metered
from benchmarks.figures import Report, least, most, percentile
from benchmarks.following import requests_in_an_hour
from benchmarks.operations import PIPELINE, operations_per_item
from benchmarks.stack import splits, submission
from pipeline.domain.money.cost import Metered
from pipeline.domain.runs.lifecycle import State
from pipeline.ledger import listing
from tests.repo.pages.pipelines_runs import app_of


def test_calls_per_item_are_counted():
    assert operations_per_item(10, 5)["blob"] > 0


def test_what_fanfare_cost_prices_is_what_runs_ask_of_the_services():
    stored = json.loads(metered.FILE.read_text("utf-8"))
    del stored["date"]
    assert metered.measure() == stored, "run `python -m benchmarks.metered`"


def test_an_estimate_between_the_samples_is_what_such_a_run_asks():
    measured = Metered.model_validate_json(metered.FILE.read_text("utf-8"))
    asked, estimate = metered.sample(1500, 5)["operations"], measured.of(1500, 300)
    for meter in ("blob-write", "blob-read", "queue-operation", "blob-created"):
        assert abs(estimate[meter] - asked[meter]) < 0.15 * asked[meter], meter


PROGRAM = "import sys, pathlib; pathlib.Path(sys.argv[1], 'part.txt').write_text('x')\n"


def test_the_node_that_is_counted_writes_as_many_blobs_as_the_real_runner(tmp_path):
    counts = []
    for real in (True, False):
        folder = tmp_path / str(real)
        app = app_of(folder, {"job": PIPELINE.format(bundle=1)}, {"work.py": PROGRAM})
        app.execute = app.execute if real else None
        written = []
        app.world.blobs.subscribe(written.append)
        app.upload("a.txt", b"line\n" * 3)
        app.settle()
        (run,) = listing.latest(app.world.tables, None, 5).runs
        assert run.state is State.SUCCEEDED
        counts.append(Counter(str(event["subject"]).split("/")[4] for event in written))
    real, fake = counts
    assert real == fake
    assert real["receipts"] == 3
    assert real["work"] == 3 * 2  # output and log


def test_requests_that_follow_a_run_are_counted():
    assert 0 < requests_in_an_hour(120, 2).total() <= 100


def test_the_benchmark_can_be_started():
    assert callable(bench.main)
    assert callable(splits.main)


def test_the_batch_benchmark_measures_in_a_small_size(capsys):
    batch.accepting(200)
    assert "tasks/s" in capsys.readouterr().out
    assert "50 tasks on 5 nodes" in batch.simulating(50, 5)


def test_a_figure_is_printed_beside_its_goal_whether_it_meets_it_or_not(capsys):
    report = Report()
    report.medians("waits", [1.0, 3.0, 2.0], "s", most(2.0))
    report.add("speed", 0.39, "", least(0.4), "once")
    said = capsys.readouterr().out.splitlines()
    assert said == [
        "waits: 2 s (1.00 to 3.00, n=3), goal ≤ 2: met",
        "speed: 0.39 (once), goal ≥ 0.4: NOT MET",
    ]
    assert report.table().row_count == 2


def test_the_99th_percentile_of_few_measurements_is_the_largest():
    assert percentile([3.0, 1.0, 2.0], 0.99) == 3.0
    assert percentile([float(n) for n in range(1, 201)], 0.99) == 198.0


def test_the_engine_and_the_sdk_submit_the_same_tasks():
    assert all(share > 0 for share in submission.measure(200))
