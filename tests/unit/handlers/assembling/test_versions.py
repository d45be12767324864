"""Three versions of one input at once: no output, alias or redrive mixes them."""

import itertools
import json
import random

import pytest

from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.ending import steer
from tests.depth import more
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, content_of, manifest_of

TEXT = BLOB.replace('["{output}"]', '["{lines_file}"]') + (
    "split: {lines: {lines_per_item: 2}}\n"
    "assemble: {concatenate: {format: text, name: all.txt}}\n"
    "output: {alias: input-name}\n"
)
NAME = "lines/a.txt"
VERSIONS = [f"{letter}\n".encode() * 5 for letter in "abc"]


def going(app_with, fails=lambda _item: False):
    def program(item):
        return Failure() if fails(item) else [("part.txt", item.part())]

    return app_with(TEXT, program=program)


def uploaded_while_going(app, seed):
    """Upload the versions at moments of the runs that the seed chooses."""
    chance, left = random.Random(seed), list(VERSIONS)
    while left:
        app.upload(NAME, left.pop(0))
        for _ in range(chance.randrange(6)):
            chance.choice((app.pump, app.run_tasks, app.pass_time))()


def check_outputs(app, runs):
    """Every output is that of the version that its manifest names."""
    for run in runs:
        content = content_of(app, run)
        assert content in VERSIONS
        pinned = BlobRef("input", NAME, manifest_of(app, run)["input"]["snapshot"])
        assert app.world.blobs.read(pinned) == content
        assert run.input.etag == manifest_of(app, run)["input"]["etag"]


@pytest.mark.parametrize("order", [*itertools.permutations(range(3))])
def test_three_versions_in_flight_at_once_end_in_any_order(app_with, order):
    app = going(app_with)
    for content in VERSIONS:
        app.upload(NAME, content)
        app.pump()
    assert [run.state for run in app.all_runs()] == ["running"] * 3
    jobs, execute = list(app.world.batch.jobs), app.world.node(app.program)
    for number in order:
        for task in app.world.batch.active(jobs[number]):
            app.world.batch.run_task(jobs[number], task, execute)
        app.pump()
    app.settle()
    runs = app.all_runs()
    assert [run.state for run in runs] == ["succeeded"] * 3
    check_outputs(app, runs)
    assert {content_of(app, run) for run in runs} == set(VERSIONS)
    alias = json.loads(app.world.blobs.read(BlobRef("output", f"job/by-name/{NAME}/manifest.json")))
    (newest,) = [run for run in runs if content_of(app, run) == VERSIONS[-1]]
    assert alias["run"] == newest.id


@pytest.mark.parametrize("seed", range(more(12, 300)))
def test_versions_that_overtake_each_other_stay_apart(app_with, seed):
    app = going(app_with)
    uploaded_while_going(app, seed)
    app.settle()
    done = [run for run in app.all_runs() if run.state == "succeeded"]
    assert {run.cause for run in app.all_runs()} <= {None, "superseded"}
    check_outputs(app, done)
    (newest,) = [run for run in done if content_of(app, run) == VERSIONS[-1]]
    alias = app.world.blobs.read(BlobRef("output", f"job/by-name/{NAME}/manifest.json"))
    assert json.loads(alias)["run"] == newest.id


@pytest.mark.parametrize("seed", range(more(12, 300)))
def test_a_redrive_of_a_version_takes_nothing_of_another(app_with, seed):
    broken = {"on": True}
    app = going(app_with, lambda item: broken["on"] and item.id == 1 and b"c" not in item.part())
    uploaded_while_going(app, seed)
    app.settle()
    broken["on"] = False
    failed = [run for run in app.all_runs() if run.cause == "program-failed"]
    for run in random.Random(seed).sample(failed, len(failed)):
        steer.redrive(app.engine, run.id)
    app.settle()
    done = [run for run in app.all_runs() if run.state == "succeeded"]
    assert {run.id for run in failed} < {run.id for run in done} or not failed
    check_outputs(app, done)
    alias = app.world.blobs.read(BlobRef("output", f"job/by-name/{NAME}/manifest.json"))
    assert (
        json.loads(alias)["input"]["etag"]
        == max((run.input for run in done), key=lambda given: given.sequencer).etag
    )
