"""Pipelines that follow a run start by its verdict: once for a generation, and never before it."""

import pytest

from pipeline.domain.runs.messages import AnnounceMessage, Step
from pipeline.errors import Transient
from pipeline.handlers.ending import steer
from pipeline.handlers.ending.announce import announce
from pipeline.ledger import runs
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BODY, LINES, content_of

COPY = BODY + "split: {blobs: {}}\nassemble: {concatenate: {name: copy.txt}}\n"


def follows(trigger: str) -> dict[str, str]:
    return {"after": f"trigger: {{run: {trigger}}}\n" + COPY}


def copied(item):
    return [("part.txt", item.content() if item.page["run"].startswith("after") else b"x\n")]


def of(app, pipeline: str) -> list:
    return [run for run in app.all_runs() if run.pipeline == pipeline]


def test_a_follower_starts_once_for_a_generation_with_the_file_it_names(app_with):
    app = app_with(also=follows("{pipeline: job, file: all.txt}"), program=copied)
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.settle()
    (before,), (after,) = of(app, "job"), of(app, "after")
    assert (after.state, content_of(app, after)) == ("succeeded", b"x\nx\n")
    assert after.created_at >= before.ended_at
    event = before.names.event("succeeded")
    announce(AnnounceMessage(step=Step.ANNOUNCE, run=before.id, event=event), app.engine)
    app.settle()
    assert len(of(app, "after")) == 1


def test_without_a_file_the_input_is_the_manifest(app_with):
    app = app_with(also=follows("job"), program=copied)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (after,) = of(app, "after")
    assert after.input.name == f"{of(app, 'job')[0].names.output_folder}/manifest.json"
    assert b'"succeeded": 1' in content_of(app, after)


def test_nothing_starts_before_the_verdict_or_after_another_one(app_with):
    app = app_with(also=follows("job"), program=lambda _item: Failure())
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert [run.state for run in of(app, "job")] == ["failed"]
    assert of(app, "after") == []


def test_a_redrive_that_succeeds_starts_the_follower_of_its_generation(app_with):
    broken = [True]
    tolerant = LINES + "tolerance: {failed_items: 1}\n"

    def program(item):
        return Failure() if broken[0] and item.parameters.get("line") == "b" else copied(item)

    app = app_with(tolerant, also=follows("job"), program=program)
    app.upload("lines/a.txt", b"a\nb\n")
    app.settle()
    broken[0] = False
    steer.redrive(app.engine, of(app, "job")[0].id)
    app.settle()
    (job,) = of(app, "job")
    names = {run.input.name for run in of(app, "after")}
    assert names == {f"job/{job.id}/g{number}/manifest.json" for number in (1, 2)}


def test_a_follower_of_failures_gets_the_input_of_the_run_that_failed(app_with):
    failing = lambda item: Failure() if item.page["run"].startswith("job") else copied(item)  # noqa: E731 - the program of two pipelines
    app = app_with(also=follows("{pipeline: job, on: failed}"), program=failing)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (after,) = of(app, "after")
    assert (after.input.name, content_of(app, after)) == ("lines/a.txt", b"one\n")


def test_an_output_without_the_file_ends_the_follower_with_a_reason(app_with):
    app = app_with(also=follows("{pipeline: job, file: other.txt}"), program=copied)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (after,) = of(app, "after")
    assert (after.state, after.cause) == ("failed", "input-missing")
    assert after.error.endswith("/g1/other.txt'.")


def test_an_announcement_that_fails_midway_starts_the_follower_all_the_same(app_with):
    app = app_with(also=follows("job"), program=copied)
    publish, refused = app.world.events.publish, []

    def flaky(event):
        if not refused:
            refused.append(event)
            raise Transient("503")
        publish(event)

    app.world.events.publish = flaky
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert refused
    assert [run.state for run in of(app, "after")] == ["succeeded"]


@pytest.mark.parametrize(("depth", "state"), [(7, "succeeded"), (8, "failed")])
def test_a_chain_of_more_than_eight_runs_ends_with_a_reason(app_with, depth, state):
    app = app_with(also=follows("job"), program=copied)
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    held = runs.need(app.engine.ports.tables, app.all_runs()[0].id)
    source = held.run.input.model_copy(update={"depth": depth})
    runs.move(app.engine.ports.tables, held, held.run.model_copy(update={"input": source}))
    app.settle()
    (after,) = of(app, "after")
    assert (after.state, after.input.depth) == (state, depth + 1)
    assert state == "succeeded" or "cycle" in after.error
