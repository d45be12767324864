"""Who asked is recorded at every door: in the ledger, in the event, in the manifest, in the log."""

import json
import logging
import time
from datetime import timedelta

import pytest

from pipeline.domain.access import Api, Operation
from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.handlers.doors import access, http
from pipeline.handlers.ending import purge, steer
from pipeline.handlers.starting import admission
from tests.fakes.identity import tenant
from tests.unit.handlers.conftest import BODY, LINES, PLAIN, REQUEST, manifest_of

RANGE = REQUEST + "split: {range: {stop: 1, step: 1}}\n"
ANN = Asker(kind=AskerKind.USER, name="ann@x.org", id="o-1")
BOB = Asker(kind=AskerKind.USER, name="bob@x.org", id="o-2")
API = Api("https://login.example", tenant.TENANT, tenant.CLIENT)
START = json.dumps({"pipeline": "job"}).encode()


def history(run) -> list[tuple[str, str, int]]:
    return [(str(e.act), str(e.by), e.generation) for e in run.asked]


def asked_over_http(app, claims=None, key="the-key"):
    gate = access.Gate(API, lambda _: claims, time.time) if claims else None
    given = access.Credentials("Bearer x.y.z", key)
    return access.serve(
        lambda: gate,
        Operation.START,
        given,
        lambda by: http.start_run(app.engine.asked_by(by), START, None),
    )


def test_a_token_names_its_subject(app_with):
    app = app_with(RANGE)
    who = {"oid": "o-1", "scp": "user_impersonation", "preferred_username": "ann@x.org"}
    reply = asked_over_http(app, tenant.claims(API.authority, "Operator", **who))
    assert reply.status == 202, reply.body
    assert reply.body["by"] == {"kind": "user", "name": "ann@x.org", "id": "o-1"}
    assert history(app.only_run()) == [("start", "user ann@x.org", 1)]


def test_a_function_key_is_told_from_others_and_never_kept(app_with):
    app = app_with(RANGE)
    reply = asked_over_http(app)
    assert reply.body["by"] == Asker.of_key("the-key").model_dump(mode="json")
    app.settle()
    everything = json.dumps([app.world.events.published, dict(reply.body)], default=str)
    assert "the-key" not in everything


def test_an_upload_is_asked_by_the_blob_trigger(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert history(app.only_run()) == [("start", "trigger blob", 1)]


def test_a_schedule_asks_for_its_ticks(app_with):
    text = "trigger: {schedule: {cron: '* * * * *'}}\nsplit: {range: {stop: 1, step: 1}}\n"
    app = app_with(text + BODY + PLAIN)
    for _ in range(3):
        app.pass_time(timedelta(minutes=1))
    assert {str(run.by) for run in app.all_runs()} == {"trigger schedule"}


def test_a_run_that_follows_another_is_asked_by_it(app_with):
    follower = "trigger: {run: job}\nsplit: {range: {stop: 1, step: 1}}\n"
    app = app_with(LINES, also={"next": follower + BODY + PLAIN})
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    (first,) = [run for run in app.all_runs() if run.pipeline == "job"]
    (second,) = [run for run in app.all_runs() if run.pipeline == "next"]
    by = second.by
    assert by == Asker.of_trigger("run job", first.id)


def test_the_search_for_lost_events_is_the_engine_itself(app_with):
    app = app_with(LINES)
    app.pass_time()
    app.loses = lambda _: True
    app.upload("lines/a.txt", b"one\n")
    app.pass_time(timedelta(hours=1))
    assert history(app.only_run()) == [("start", "engine search for lost events", 1)]


def test_redrive_cancel_and_purge_are_added_with_their_time(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    run = app.only_run()
    steer.cancel(app.engine.asked_by(ANN), run.id)
    app.world.clock.advance(timedelta(hours=2))
    steer.redrive(app.engine.asked_by(BOB), run.id)
    app.settle()
    found = purge.belongings(app.engine, app.only_run(), output=True)
    purge.carry_out(app.engine.asked_by(ANN), found)
    run = app.only_run()
    assert history(run) == [
        ("start", "trigger blob", 1),
        ("cancel", "user ann@x.org", 1),
        ("redrive", "user bob@x.org", 2),
        ("purge", "user ann@x.org", 2),
    ]
    assert run.asked[2].at - run.asked[1].at == timedelta(hours=2)
    assert run.asked[3].at == run.purged_at


def test_the_event_and_the_manifest_say_who_asked(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    steer.cancel(app.engine.asked_by(ANN), app.only_run().id)
    steer.redrive(app.engine.asked_by(BOB), app.only_run().id)
    app.settle()
    cancelled, done = (event["data"] for event in app.world.events.published)
    assert cancelled["by"]["name"] == "blob"
    assert cancelled["cancelled_by"] == ANN.model_dump(mode="json")
    assert (done["by"], done["cancelled_by"]) == (BOB.model_dump(mode="json"), None)
    assert manifest_of(app, app.only_run())["by"] == BOB.model_dump(mode="json")


def test_a_paused_pipeline_says_who_paused_it(app_with, caplog):
    app = app_with(LINES)
    caplog.set_level(logging.INFO, "fanfare")
    admission.pause(app.engine.asked_by(ANN), "job")
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    assert "is paused by user ann@x.org at 20" in app.only_run().obstacle.evidence
    admission.resume(app.engine.asked_by(BOB), "job")
    told = [(r.action, r.by) for r in caplog.records if r.action in ("pause", "resume")]
    assert told == [("pause", "user ann@x.org"), ("resume", "user bob@x.org")]


@pytest.mark.parametrize("action", ["claimed", "cancel", "redrive", "purge"])
def test_the_log_says_who_asked(app_with, caplog, action):
    app = app_with(LINES)
    caplog.set_level(logging.INFO, "fanfare")
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    engine, run = app.engine.asked_by(ANN), app.only_run()
    steer.cancel(engine, run.id)
    steer.redrive(engine, run.id)
    app.settle()
    purge.carry_out(engine, purge.belongings(engine, app.only_run(), output=True))
    (record, *_) = [r for r in caplog.records if getattr(r, "action", "") == action]
    expected = "trigger blob" if action == "claimed" else "user ann@x.org"
    assert expected in (record.by, getattr(record, "asked_by", ""))
