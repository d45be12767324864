"""`split: frames` is a program of the engine: no media is parsed where the account is owned."""

import json
from dataclasses import replace

import pytest

from pipeline.domain.plans.plan import PlannedProgram
from pipeline.handlers.running import scripts
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, PLAIN

FRAMES = BLOB + PLAIN + "split: {frames: {step: 33}}\n"
SPAN = {
    "start": 0,
    "end": 33,
    "index": 0,
    "start_time": 512,
    "end_time": 9000,
    "seek_time": "start",
}


def node(item):
    """Act as the split program and as the task's."""
    if item.page["program"]["file"] == "media_split.py":
        return [("items.json", json.dumps([{"parameters": SPAN}]).encode())]
    return [("part.txt", json.dumps(dict(item.parameters)).encode())]


def test_the_frames_of_a_video_are_found_on_a_node(app_with):
    app = app_with(FRAMES, program=node)
    app.upload("lines/a.mp4", b"film")
    app.settle()
    run = app.only_run()
    assert (run.state, run.succeeded) == ("succeeded", 1)
    assert json.loads(app.world.blobs.read(run.names.output("all.txt"))) == SPAN


def test_the_program_gets_the_video_and_the_step(app_with):
    pages = []
    app = app_with(FRAMES, program=lambda item: pages.append(item.page) or node(item))
    app.upload("lines/a.mp4", b"film")
    app.settle()
    program = pages[0]["program"]
    assert program["arguments"] == ["--input", "{input}", "--step", "33", "--output", "{output}"]
    assert program["environment"] == "media.txt"


def test_a_video_that_the_program_refuses_fails_before_any_item(app_with):
    said = "The video was refused: it has no video track."
    app = app_with(FRAMES, program=lambda _item: Failure(tail=said))
    app.upload("lines/a.mp4", b"film")
    app.settle()
    run = app.only_run()
    assert (run.state, run.cause, run.succeeded, run.failed) == ("failed", "plan-failed", 0, 0)
    assert said in run.error


def test_a_video_is_not_read_by_the_engine(app_with):
    app = app_with(FRAMES, program=node)
    app.upload("lines/a.mp4", b"film")
    blobs, read = app.world.ports.blobs, []

    class Watched:
        def __getattr__(self, verb):
            return getattr(blobs, verb)

        def read(self, ref, *more):
            read.append(ref.container)
            return blobs.read(ref, *more)

    app.engine = replace(app.engine, ports=replace(app.engine.ports, blobs=Watched()))
    app.settle()
    assert app.only_run().state == "succeeded"
    assert "input" not in read


def files_of(app, pinned, program):
    """Return the paths of the files that nodes get for a program, of a run that pinned these."""
    run = app.only_run().model_copy(update={"scripts": pinned})
    planned = PlannedProgram(file=program, arguments=(), environment=None)
    return {file.path for file in scripts.files(app.engine, run, planned)}


@pytest.fixture
def app(app_with):
    app = app_with(FRAMES, program=node)
    more = {
        "media_split.py": b"import times",
        "times.py": b"import ticks",
        "ticks.py": b"",
        "work.py": b"import ticks",
    }
    app.engine = replace(app.engine, scripts={**app.engine.scripts, **more})
    app.upload("lines/a.mp4", b"film")
    app.settle()
    return app


def test_nodes_get_what_a_program_imports_and_no_other_program(app):
    pinned = app.only_run().scripts
    both = {"runner.json", "environment.py", "times.py", "ticks.py"}
    assert files_of(app, pinned, "media_split.py") == {*both, "media_split.py"}
    assert files_of(app, pinned, "work.py") == {*both, "work.py"}


def test_a_run_that_an_older_release_began_gets_the_program_that_it_did_not_know(app):
    pinned = app.only_run().scripts
    old = {"work.py": pinned["work.py"], "runner.py": "digest/runner.py"}
    found = files_of(app, old, "media_split.py")
    assert found == {"runner.py", "media_split.py", "times.py", "ticks.py"}
    assert files_of(app, old, "work.py") == {"runner.py", "work.py"}
