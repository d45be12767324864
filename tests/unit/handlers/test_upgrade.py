"""A new version is deployed while runs are going: they keep the definition they began with."""

import pytest

from tests.fakes.definitions import written
from tests.unit.handlers.conftest import BLOB, LINES, REQUEST, content_of, manifest_of

NEW = BLOB + "split: {lines: {lines_per_item: 2}}\n"
NEW += "assemble: {concatenate: {format: plain, name: new.txt}}\n"
INPUT = b"one\ntwo\nthree\n"
STAGES = {
    "claimed": lambda app: app._drain("blob-events"),
    "submitting": lambda app: (app._drain("blob-events"), app._drain("plan")),
    "running": lambda app: app.pump(),
    "assembling": lambda app: (app.pump(), app.run_tasks(), app._drain("receipts")),
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
