"""The other shipped pipelines, on their samples or smaller, each against a truth of its own."""

import csv
import io
import json
import struct

import pytest

from pipeline.cli.samples import plates, puzzle, scene, suite
from pipeline.domain.runs.lifecycle import State
from tests.depth import EVERYTHING
from tests.e2e.local import Stack
from tests.needs import rendering

LONG = pytest.mark.skipif(not EVERYTHING, reason="`make test-all` runs all pipelines on a stack")


@pytest.mark.timeout(300)
def test_the_nonce_of_the_first_block_is_found(stack: Stack):
    run, _ = stack.succeeded(stack.upload("keys/genesis.json", puzzle.genesis(), "key-search"))
    assert run.plan.items == 64
    told = json.loads(stack.output(run)["answer.json"])
    assert told["verdict"] == "found"
    assert told["found"]["nonce"] == 2_083_236_893
    assert told["found"]["hash"].startswith("000000000019d6")


@pytest.mark.timeout(300)
def test_a_scene_is_rendered_and_one_with_a_strange_include_is_refused(stack: Stack):
    rendering()
    good = stack.upload("scenes/columns.pov", scene.columns(), "render")
    bad = stack.upload("scenes/strange.pov", b'#include "/etc/passwd"\n', "render")
    run, _ = stack.succeeded(good)
    assert run.plan.items == 6
    picture = stack.output(run)["picture.png"]
    assert struct.unpack(">II", picture[16:24]) == (480, 270)
    run, event = stack.finished(bad)
    assert run.state is State.FAILED
    assert "Cannot open include file /etc/passwd" in json.dumps(event)


@LONG
@pytest.mark.timeout(300)
def test_the_tests_of_an_archive_run_in_shards_and_failures_are_a_result(stack: Stack):
    archive = suite.bank()
    run, _ = stack.succeeded(stack.upload("suites/bank.zip", archive, "test-suite", shards="3"))
    assert run.plan.items == 3
    output = stack.output(run)
    told = json.loads(output["summary.json"])
    assert (told["tests"], told["passed"], told["failed"], told["error"]) == (55, 51, 1, 2)
    assert b"Python rounds halves to even" in output["report.html"]


@LONG
@pytest.mark.timeout(300)
def test_the_highest_stresses_of_plates_are_those_of_the_handbook(stack: Stack):
    run, _ = stack.succeeded(
        stack.upload("plates/holes.csv", plates.holes(), "stress-analysis", plates_per_item="5")
    )
    assert run.plan.items == 3
    table = stack.output(run)["envelope.csv"].decode()
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 11
    assert all(abs(float(row["factor"]) / float(row["expected"]) - 1) < 0.02 for row in rows)
    assert abs(float(rows[-1]["highest"]) / 92.7 - 1) < 0.005
