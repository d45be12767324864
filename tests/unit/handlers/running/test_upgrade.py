"""A new version is deployed while runs are active: they keep the definition they began with."""

from dataclasses import replace

import pytest

from pipeline.handlers.ending import steer
from pipeline.ledger import runs
from tests.fakes.definitions import written
from tests.fakes.node import Failure
from tests.unit.handlers.conftest import BLOB, LINES, PROGRAMS, REQUEST, content_of, manifest_of
from tests.unit.handlers.nodes import losing, scripted

NEW = BLOB + "split: {lines: {lines_per_item: 2}}\n"
NEW += "assemble: {concatenate: {format: plain, name: new.txt}}\n"
INPUT = b"one\ntwo\nthree\n"
STAGES = {
    "claimed": lambda app: app.claim(),
    "submitting": lambda app: (app.claim(), app.take("work")),
    "running": lambda app: app.pump(),
    "assembling": lambda app: (app.pump(), app.run_tasks(), app.take("receipts")),
}


def deploy(app, text=NEW, **also):
    """Deploy other definitions, and a pool of another size, as `azd up` does."""
    engine = written((("job", text), *also.items())).engine(app.world.ports)
    larger = engine.catalogue.pools["cpu"].model_copy(update={"size": "Standard_D4s_v5"})
    engine.catalogue.pools["cpu"] = larger
    app.world.batch.add_pool(engine.pool_id_of(larger), nodes=1)
    old, app.engine = app.engine, engine
    return old


def files_of(app, run):
    return [file["name"] for file in manifest_of(app, run)["files"]]


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_ends_by_the_definition_that_it_began_with(app_with, stage):
    app = app_with(LINES)
    app.upload("lines/a.txt", INPUT)
    STAGES[stage](app)
    assert app.only_run().state == ("running" if stage == "assembling" else stage)
    deploy(app)
    app.settle()
    run = app.only_run()
    assert run.state == "succeeded"
    assert (files_of(app, run), content_of(app, run)) == (["all.txt"], b"0\n1\n2\n")


def test_a_run_that_begins_afterwards_has_the_new_definition(app_with):
    app = app_with(LINES)
    deploy(app)
    app.upload("lines/a.txt", INPUT)
    app.settle()
    run = app.only_run()
    assert (files_of(app, run), content_of(app, run)) == (["new.txt"], b"0\n1\n")


def test_a_job_stays_on_the_pool_that_it_was_made_for(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", INPUT)
    app.pump()
    old = deploy(app)
    app.upload("lines/b.txt", INPUT)
    app.pump()
    pools = [job.spec.pool for job in app.world.batch.jobs.values()]
    assert pools == [e.pool_id_of(e.catalogue.pools["cpu"]) for e in (old, app.engine)]
    assert len(set(pools)) == 2
    app.settle()
    assert [run.state for run in app.all_runs()] == ["succeeded"] * 2


def test_a_run_whose_pipeline_is_gone_ends_all_the_same(app_with):
    app = app_with(LINES)
    app.upload("lines/a.txt", INPUT)
    app.pump()
    app.engine = written((("other", REQUEST + "split: {range: {stop: 2, step: 1}}\n"),)).engine(
        app.world.ports
    )
    app.settle()
    assert app.only_run().state == "succeeded"


def deploy_programs(app):
    """Deploy other programs and another runner."""
    changed = {name: text + b"# changed\n" for name, text in app.engine.scripts.items()}
    app.engine = replace(app.engine, scripts=changed)


def programs_of(app):
    """Return the files that each job prepares its nodes with, by job."""
    return {
        job.spec.id: {file.path: file.url for file in job.spec.preparation_inputs}
        for job in app.world.batch.jobs.values()
    }


def test_a_task_that_runs_again_runs_the_program_that_the_run_began_with(app_with):
    app = app_with(LINES)
    scripted(app, {"t000000": [losing(app, "o-")]})
    app.upload("lines/a.txt", INPUT)
    app.pump()
    deploy_programs(app)
    app.settle()
    first, again = programs_of(app).values()
    assert first == again
    assert {"runner.json", "work.py"} <= first.keys()
    assert app.only_run().state == "succeeded"


def test_the_assembler_of_a_run_is_the_one_that_was_deployed_when_it_began(app_with):
    app = app_with(PROGRAMS)
    old = app.engine
    app.upload("lines/a.txt", INPUT)
    app.claim()
    app.take("work")
    deploy_programs(app)
    app.settle()
    assert len(programs_of(app)) >= 1
    for files in programs_of(app).values():
        for path, url in files.items():
            assert app.world.blobs.read(app.world.blobs.at(url)) == old.scripts[path]


def test_a_redrive_runs_the_program_that_is_deployed_by_then(app_with):
    app = app_with(LINES)
    app.program = lambda _item: Failure()
    app.upload("lines/a.txt", INPUT)
    app.settle()
    deploy_programs(app)
    steer.redrive(app.engine, app.only_run().id)
    app.settle()
    first, second = programs_of(app).values()
    assert first.keys() == second.keys()
    assert not set(first.values()) & set(second.values())


def test_a_run_that_an_older_version_planned_runs_what_is_deployed(app_with):
    app = app_with(LINES)
    scripted(app, {"t000000": [losing(app, "o-")]})
    app.upload("lines/a.txt", INPUT)
    app.pump()
    held = runs.need(app.world.tables, app.only_run().id)
    runs.move(app.world.tables, held, held.run.model_copy(update={"scripts": {}, "step": "old"}))
    app.settle()
    assert app.only_run().state == "succeeded"
    assert len(programs_of(app)) == 2
