"""A run that finds its pool empty gets nodes, whether or not Batch evaluates a formula at once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.waiting.reports import PoolReport
from pipeline.errors import Conflict
from pipeline.handlers.mending import sweep
from tests.fakes.crash import Crash, Injector

MINUTE = timedelta(minutes=1)


class Empty:
    """An app whose pool is empty; a run asks it for nodes."""

    def __init__(self, app) -> None:
        self.app, self.batch = app, app.world.batch
        (self.pool,) = self.batch.pools
        self.batch.pools[self.pool] = PoolReport("active", "steady")

    @property
    def report(self):
        return self.batch.pools[self.pool]

    def ask(self, name="lines/a.txt"):
        self.app.upload(name, b"one\ntwo\n")
        self.app.survive(self.app.pump)

    def minute(self):
        self.app.world.clock.advance(MINUTE)
        sweep.sweep(self.app.engine)

    def through(self, cluster):
        self.app.through(replace(self.app.world.ports, cluster=cluster))


class Beside:
    """The cluster port with some verbs replaced."""

    def __init__(self, real, **verbs) -> None:
        self._real = real
        vars(self).update(verbs)

    def __getattr__(self, name):
        return getattr(self._real, name)


@pytest.fixture
def empty(app_with):
    return Empty(app_with())


def test_an_empty_pool_gets_its_first_nodes_at_once_and_its_formula_back_a_minute_later(empty):
    empty.ask()
    assert (empty.report.target_nodes > 0, empty.report.autoscales) == (True, False)
    empty.minute()
    assert (empty.report.autoscales, empty.report.formula != "") == (True, True)


def test_a_pool_that_resizes_gets_its_formula_once_it_is_steady(empty):
    empty.ask()
    empty.batch.pools[empty.pool] = replace(empty.report, allocation="resizing")
    empty.minute()
    assert not empty.report.autoscales
    empty.batch.pools[empty.pool] = replace(empty.report, allocation="steady")
    empty.minute()
    assert empty.report.autoscales


def test_a_pool_that_followed_its_formula_at_once_is_left_to_it(empty):
    def evaluated(pool, formula):
        empty.batch.push_formula(pool, formula)
        found = empty.batch.pools[pool]
        empty.batch.pools[pool] = replace(found, allocation="resizing", target_nodes=1)

    empty.through(Beside(empty.batch, push_formula=evaluated))
    empty.ask()
    empty.minute()
    assert empty.report.autoscales


@pytest.mark.parametrize("when", ["before", "after"])
def test_whoever_dies_at_the_resize_leaves_a_pool_that_the_sweep_gives_its_formula(empty, when):
    dying = Injector(("cluster", "resize_by_hand", 1), when, Crash())
    empty.app.through(dying.ports(empty.app.world.ports))
    empty.ask()
    for _ in range(3):
        empty.minute()
    assert (empty.report.target_nodes > 0, empty.report.autoscales) == (True, True)


def test_whoever_dies_between_disabling_and_resizing_leaves_a_pool_that_the_sweep_mends(empty):
    died = []

    def half(pool, dedicated, spot):
        if not died:
            died.append(pool)
            empty.batch.pools[pool] = replace(empty.report, autoscales=False, formula="")
            raise Crash
        empty.batch.resize_by_hand(pool, dedicated, spot)

    empty.through(Beside(empty.batch, resize_by_hand=half))
    empty.ask()
    assert not empty.report.autoscales
    for _ in range(3):
        empty.minute()
    assert (empty.report.target_nodes > 0, empty.report.autoscales) == (True, True)


def test_a_pool_without_runs_gets_its_formula_back_too(empty):
    empty.ask()
    empty.app.run_tasks()
    empty.app.pump()
    empty.minute()
    assert (empty.app.only_run().over, empty.report.autoscales) == (True, True)


def test_a_pool_that_somebody_else_changes_meanwhile_is_looked_at_again(empty):
    def changed(pool, dedicated, spot):
        empty.batch.pools[pool] = replace(empty.report, nodes=2, target_nodes=2)
        raise Conflict("The pool changed.")

    empty.through(Beside(empty.batch, resize_by_hand=changed))
    empty.ask()
    empty.minute()
    assert (empty.report.target_nodes, empty.report.autoscales) == (2, True)


def test_a_run_need_not_wait_because_a_formula_was_pushed_just_now(empty):
    empty.ask()
    empty.minute()  # pushes
    empty.batch.pools[empty.pool] = replace(empty.report, nodes=0, target_nodes=0)
    empty.ask("lines/b.txt")
    assert empty.report.target_nodes > 0
