"""A pool is deleted, resized or changed by hand: each run goes on, or says what to do."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.definitions.pool import Containers
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.waiting.reports import NodeCounts, PoolReport, Trouble
from pipeline.handlers.ending import steer
from pipeline.handlers.why import obstacle_to
from tests.unit.handlers.mending.test_broken_nodes import begun, wait

C = ObstacleCode
EMPTY = PoolReport("active", "steady", 0, 0, NodeCounts())
ZERO = "$TargetDedicatedNodes = 0;"


def of_batch(app) -> str:
    (pool,) = app.world.batch.pools
    return pool


def found(app):
    return obstacle_to(app.engine, app.only_run())


def change(app, **changes) -> str:
    pool = of_batch(app)
    app.world.batch.pools[pool] = replace(EMPTY, **changes)
    return pool


@pytest.mark.parametrize(
    ("by_hand", "evidence"),
    [
        ({"formula": ""}, "its autoscale is off"),
        ({"formula": ZERO}, "0 wanted"),
        ({"formula": ZERO, "autoscale_error": Trouble("Bad", "x")}, "Bad: x"),
    ],
    ids=["resized to 0 without autoscale", "another formula", "a formula that fails"],
)
def test_a_pool_that_scales_no_more_gets_its_formula_back_while_a_run_waits(
    app_with, by_hand, evidence
):
    app = app_with()
    begun(app)
    # What the run asked for counts no longer; then somebody changes the pool.
    for _ in range(17):
        app.pass_time()
    pool = change(app, **by_hand)
    assert evidence in found(app).evidence
    wait(app, lambda: "demand = (time()" in app.world.batch.pools[pool].formula, minutes=5)


def test_a_run_whose_tasks_work_asks_for_no_further_nodes(app_with):
    app = app_with()
    run = begun(app)
    for task in app.world.batch.active(run.job):
        app.world.batch.start_task(run.job, task)
    for _ in range(17):
        app.pass_time()
    pool = change(app, nodes=1, counts=NodeCounts(running=1), formula=ZERO)
    for _ in range(5):
        app.pass_time()
    assert "time()" not in app.world.batch.pools[pool].formula


def test_a_pool_that_is_being_deleted_is_missing_already(app_with):
    app = app_with()
    begun(app)
    pool = change(app, state="deleting")
    assert (found(app).code, found(app).remedy) == (C.POOL_MISSING, "azd provision")
    assert found(app).evidence == f"pool {pool} is being deleted"


def test_a_pool_that_is_made_again_carries_on_with_the_tasks(app_with):
    app = app_with()
    begun(app)
    pool = of_batch(app)
    del app.world.batch.pools[pool]
    wait(app, lambda: (app.only_run().obstacle or found(app)).code == C.POOL_MISSING)
    app.world.batch.add_pool(pool, nodes=1)
    app.settle()
    assert app.only_run().state == "succeeded"


def other_pool(app) -> str:
    """Change the image in the pool's file, and deploy it; return the id of the pool in Batch."""
    pools = app.engine.catalogue.pools
    pools["cpu"] = pools["cpu"].model_copy(update={"containers": Containers(images=("x:1",))})
    made = app.engine.pool_id_of(pools["cpu"])
    app.world.batch.add_pool(made, nodes=1)
    return made


def test_what_is_told_of_a_run_is_about_the_pool_of_its_job(app_with):
    app = app_with()
    begun(app)
    first = change(app, formula="x")
    other_pool(app)
    assert (found(app).code, first in found(app).evidence) == (C.POOL_NOT_SCALED, True)


def test_a_run_whose_pool_was_replaced_and_deleted_is_told_to_begin_anew(app_with):
    app = app_with()
    run = begun(app)
    first = of_batch(app)
    second = other_pool(app)
    del app.world.batch.pools[first]
    assert found(app).code == C.POOL_REPLACED
    assert first in found(app).evidence and second in found(app).evidence
    assert found(app).remedy == f"fanfare cancel {run.id}; fanfare redrive {run.id}"
    steer.cancel(app.engine, run.id)
    steer.redrive(app.engine, run.id)
    app.settle()
    assert (app.only_run().state, app.only_run().generation) == ("succeeded", 2)


def test_a_run_on_a_pool_that_was_replaced_and_deleted_ends_after_half_an_hour(app_with):
    app = app_with()
    begun(app)
    first = of_batch(app)
    other_pool(app)
    del app.world.batch.pools[first]
    took = wait(app, lambda: app.only_run().over)
    assert (app.only_run().cause, 30 <= took < 40) == ("pool-failed", True)


def test_no_other_pool_grows_for_a_run_on_the_one_before(app_with):
    app = app_with()
    begun(app)
    change(app, formula=ZERO)
    second = other_pool(app)
    for _ in range(20):
        app.pass_time(timedelta(minutes=1))
    assert "time()" not in app.world.batch.pools[second].formula
