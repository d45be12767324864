"""What a blob trigger takes: patterns, sizes, parameters from the path, unchanged bytes."""

import pytest

from pipeline.handlers.starting import lost_events
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BODY, PLAIN

SPLIT = "split: {lines: {}}\n"


def triggered(more: str, parameters: str = "") -> str:
    return f"trigger: {{blob: {{container: input, {more}}}}}\n{parameters}" + BODY + PLAIN + SPLIT


def started(app, *names: str, content: bytes = b"one\n") -> list[str]:
    for name in names:
        app.upload(name, content)
    app.settle()
    return sorted({run.input.name for run in app.all_runs()})


@pytest.mark.parametrize(
    ("more", "starts"),
    [
        ("include: ['x/**/*.tif', '*.csv']", ["a.csv", "x/b.tif"]),
        ("include: '**', exclude: ['tmp/**', '**/_*']", ["a.csv", "x/b.tif"]),
        ("path: 'x/*'", ["x/_c", "x/b.tif"]),
        ("prefix: x/, suffix: .tif", ["x/b.tif"]),
    ],
)
def test_patterns_choose_blobs(app_with, more, starts):
    app = app_with(triggered(more))
    assert started(app, "a.csv", "x/b.tif", "x/_c", "tmp/d.tif") == starts


def test_sizes_choose_blobs_also_for_the_search(app_with):
    app = app_with(triggered("min_size: 4, max_size: 8"))
    lost_events.activate(app.engine)
    for name, size in (("a", 3), ("b", 4), ("c", 8), ("d", 9)):
        app.upload(name, b"x" * size)
    app.settle()
    assert sorted(run.input.name for run in app.all_runs()) == ["b", "c"]
    app.world.clock.advance(minutes=20)
    assert lost_events.sweep_events(app.engine) == 0


def test_a_path_gives_parameters_of_their_types(app_with):
    parameters = "parameters: {camera: {type: string}, day: {type: integer, minimum: 1}}\n"
    app = app_with(triggered("path: '{camera}/{day}/*.tif'", parameters))
    started(app, "c1/07/a.tif", "c1/none/a.tif", "other.tif")
    found = {run.input.name: run for run in app.all_runs()}
    assert found["c1/07/a.tif"].parameters == {"camera": "c1", "day": 7}
    assert found["c1/none/a.tif"].cause == "plan-failed"
    assert len(found) == 2


def test_the_same_bytes_again_start_nothing_where_that_is_asked_for(app_with):
    app = app_with(triggered("unchanged: skip"))
    lost_events.activate(app.engine)
    for content in (b"one\n", b"one\n", b"two\n", b"one\n"):
        app.world.clock.advance(minutes=1)
        started(app, "a.txt", content=content)
    assert len(app.all_runs()) == 2
    app.world.clock.advance(minutes=20)
    assert lost_events.sweep_events(app.engine) == 0


def test_the_same_bytes_start_again_after_a_failure(app_with):
    app = app_with(triggered("unchanged: skip"), program=lambda _item: Failure())
    for _ in range(2):
        app.world.clock.advance(minutes=1)
        started(app, "a.txt")
    assert [run.state for run in app.all_runs()] == ["failed"] * 2
