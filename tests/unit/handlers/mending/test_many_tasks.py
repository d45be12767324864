"""The sweep compares a run of very many tasks with the world in slices."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.plans.plan import PAGE_SIZE
from pipeline.handlers.mending import reconcile
from pipeline.ledger import tasks
from pipeline.ledger.steps import slices
from pipeline.ledger.steps.slices import LongStep
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES, content_of

TASKS = 30


@pytest.fixture(autouse=True)
def few_at_once(monkeypatch):
    monkeypatch.setattr(reconcile, "AT_ONCE", 4)


def unheard(app_with, more: str = ""):
    """Return an app all of whose tasks ended, without that any receipt was announced."""
    app = app_with(LINES + more)
    app.loses = lambda event: "/receipts/" in str(event["subject"])
    app.upload("lines/a.txt", b"line\n" * TASKS)
    app.pump()
    app.run_tasks()
    app.world.clock.advance(minutes=3)
    return app


def done(app) -> int:
    run = app.only_run()
    return reconcile._seen(app.engine, run).known.count()


def swept(app) -> int:
    """Reconcile as an invocation of its own; return how many tasks are done then."""
    reconcile.reconcile_tasks(app.engine.begun(), app.only_run())
    return done(app)


def test_a_sweep_goes_on_where_the_last_one_ended(app_with):
    app = unheard(app_with)
    app.hurry(timedelta(seconds=9), per_look=timedelta(seconds=1))
    counted = [swept(app) for _ in range(TASKS // 4 + 1)]
    assert 0 < counted[0] < TASKS
    assert counted[:-1] == sorted(set(counted[:-1])), "each sweep got further"
    assert counted[-1] == TASKS
    step = LongStep.of(app.only_run(), "reconcile")
    assert slices.read(app.world.tables, step).position == 0, "the next one begins anew"


def test_a_sweep_with_time_reads_only_what_is_not_counted(app_with):
    app = unheard(app_with)
    assert swept(app) == TASKS
    calls = Injector()
    app.through(calls.ports(app.world.ports))
    swept(app)
    assert {call.port for call in calls.trace} == {"tables"}
    assert len(calls.trace) < TASKS // 3


def test_one_sweep_at_a_time_compares_a_run(app_with):
    app = unheard(app_with)
    step = LongStep.of(app.only_run(), "reconcile")
    slices.take(app.world.tables, step, "other", app.engine.now)
    assert swept(app) == 0
    app.world.clock.advance(minutes=2)
    assert swept(app) == TASKS


def test_batch_lists_the_tasks_of_a_job_once_for_all(app_with):
    app = unheard(app_with)
    for name in app.world.blobs.names("receipts"):
        app.world.blobs.remove("receipts", name)
    app.world.clock.advance(minutes=20)
    calls = Injector()
    app.through(calls.ports(app.world.ports))
    swept(app)
    asked = [call.verb for call in calls.trace if call.port == "cluster"]
    assert asked.count("failures") == asked.count("unconfirmed") == 1
    app.loses = lambda _: False
    app.settle()
    assert content_of(app, app.only_run()) == b"".join(b"%d\n" % n for n in range(TASKS))


class Submitting:
    """Batch; while it lists tasks for the first time, another invocation submits a page."""

    def __init__(self, app) -> None:
        self._app, self._cluster = app, app.world.ports.cluster
        self.begun = False

    def __getattr__(self, name):
        return getattr(self._cluster, name)

    def unconfirmed(self, job):
        listed = self._cluster.unconfirmed(job)
        if not self.begun:
            self.begun = True
            self._app.pump()
        return listed


def test_tasks_that_are_submitted_during_a_sweep_are_not_taken_for_ended(app_with, monkeypatch):
    monkeypatch.setattr(reconcile, "AT_ONCE", 50)
    app = app_with(LINES)
    app.upload("lines/a.txt", b"line\n" * (2 * PAGE_SIZE))
    while not app.world.batch.jobs or not app.world.batch.active(app.only_run().job):
        app.claim()
        app.take("work")
    run = app.only_run()
    assert len(app.world.batch.active(run.job)) == PAGE_SIZE
    app.world.clock.advance(minutes=20)
    app.through(replace(app.world.ports, cluster=Submitting(app)))
    reconcile.reconcile_tasks(app.engine.begun(), run)
    assert len(app.world.batch.active(run.job)) == 2 * PAGE_SIZE
    assert list(tasks.results(app.world.tables, run.id, run.generation)) == []


def test_an_execution_that_the_sweep_itself_submits_is_not_taken_for_ended(app_with):
    app = unheard(app_with)
    for name in app.world.blobs.names("receipts"):
        app.world.blobs.remove("receipts", name)
    app.world.clock.advance(minutes=20)
    app.through(Injector(("jobs", "add", 11)).ports(app.world.ports))
    assert not app.survive(lambda: swept(app)), "it notes an execution, and dies"
    app.through(app.world.ports)
    app.world.clock.advance(minutes=20)
    swept(app)
    run = app.only_run()
    assert len(app.world.batch.active(run.names.job(1))) == TASKS
    rows = tasks.results(app.world.tables, run.id, run.generation)
    assert {(row.state, row.execution) for row in rows} == {("retrying", 1)}


def test_tasks_that_failed_are_executed_anew_a_few_in_each_sweep(app_with):
    app = unheard(app_with)
    for name in app.world.blobs.names("receipts"):
        app.world.blobs.remove("receipts", name)
    app.world.clock.advance(minutes=20)
    app.hurry(timedelta(seconds=9), per_look=timedelta(seconds=1))
    swept(app)
    further = [job for job in app.world.batch.jobs if job.endswith("-r1")]
    begun = sum(len(app.world.batch.jobs[job].tasks) for job in further)
    assert 0 < begun < TASKS
    for _ in range(TASKS):
        swept(app)
    (job,) = (job for job in app.world.batch.jobs if job.endswith("-r1"))
    assert len(app.world.batch.jobs[job].tasks) == TASKS
