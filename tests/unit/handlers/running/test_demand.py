"""A run that finds its pool empty gets nodes, whether or not Batch evaluates a formula at once."""

from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from pipeline.domain.definitions.pool import Containers
from pipeline.domain.waiting.reports import PoolReport, Trouble
from pipeline.errors import Conflict, Permanent
from pipeline.handlers.mending import sweep
from pipeline.handlers.running import demand
from pipeline.ledger import pools
from tests.fakes.crash import Crash, Injector

MINUTE = timedelta(minutes=1)
ASKED = "time() < time("  # a demand in a formula


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


def replaced(empty):
    known = empty.app.engine.catalogue.pools
    known["cpu"] = known["cpu"].model_copy(update={"containers": Containers(images=("x:1",))})
    empty.batch.add_pool(empty.app.engine.pool_id_of(known["cpu"]), nodes=1)


def removed(empty):
    del empty.app.engine.catalogue.pools["cpu"]


@pytest.mark.parametrize("moved_on", [replaced, removed])
def test_a_resized_pool_gets_its_formula_back_whatever_becomes_of_its_definition(empty, moved_on):
    empty.ask()
    moved_on(empty)
    empty.minute()
    assert (empty.report.autoscales, empty.report.formula != "") == (True, True)


def test_a_resized_pool_that_steadies_late_is_watched_beside_the_one_that_replaced_it(empty):
    empty.ask()
    empty.batch.pools[empty.pool] = replace(empty.report, allocation="resizing")
    replaced(empty)
    (new,) = empty.batch.pools.keys() - {empty.pool}
    empty.batch.pools[new] = PoolReport("active", "steady")
    empty.ask("lines/b.txt")
    assert empty.batch.pools[new].target_nodes > 0
    empty.batch.pools[empty.pool] = replace(empty.report, allocation="steady")
    empty.minute()
    assert all(pool.autoscales for pool in empty.batch.pools.values())


def test_a_resized_pool_that_is_gone_is_watched_no_more(empty):
    empty.ask()
    removed(empty)
    del empty.batch.pools[empty.pool]
    empty.minute()
    assert list(pools.watches(empty.app.engine.ports.tables)) == []


def test_a_run_that_loses_the_race_to_push_leaves_a_watched_pool(empty):
    """Its demand is there when a sweep pushes, and the sweep writes first."""
    tables, raced = empty.app.world.ports.tables, []

    def overtaken(table, partition, operations):
        if getattr(operations[0], "row", None) and operations[0].row.key == "push" and not raced:
            raced.append(partition)
            demand.push(empty.app.engine, partition)
        return tables.transact(table, partition, operations)

    beside = Beside(tables, transact=overtaken)
    empty.app.through(replace(empty.app.world.ports, tables=beside))
    empty.ask()
    for _ in range(2):
        empty.minute()
    assert (raced, empty.report.target_nodes > 0) == (["cpu"], True)


def test_a_run_watches_a_pool_although_others_write_the_watch_first(empty):
    tables, others = empty.app.world.ports.tables, [1, 2]

    def overtaken(table, partition, operations):
        if partition == pools.WATCHED and others:
            others.pop()
            tables.transact(table, partition, operations)
        return tables.transact(table, partition, operations)

    empty.app.through(replace(empty.app.world.ports, tables=Beside(tables, transact=overtaken)))
    empty.ask()
    assert (others, empty.report.target_nodes > 0) == ([], True)


def test_a_sweep_that_asks_anew_looks_at_the_pool_after_its_own_push(empty):
    """The sweep has reported the pool steady and empty before; Batch follows the push at once."""
    resized = []

    def evaluated(pool, formula):
        empty.batch.push_formula(pool, formula)
        empty.batch.pools[pool] = replace(empty.report, allocation="resizing", target_nodes=1)

    cluster = Beside(
        empty.batch, push_formula=evaluated, resize_by_hand=lambda *asked: resized.append(asked)
    )
    empty.through(cluster)
    empty.ask()
    empty.app.world.clock.advance(minutes=40)
    empty.batch.pools[empty.pool] = PoolReport("active", "steady", formula="x")
    empty.minute()
    assert (resized, empty.report.allocation) == ([], "resizing")


def refused(pool, formula):
    raise Permanent("The formula is wrong.")


def failed(empty, pool, formula):
    empty.batch.push_formula(pool, formula)
    error = Trouble("AutoScaleSyntax", "line 3")
    empty.batch.pools[pool] = replace(empty.report, autoscale_error=error)


@pytest.mark.parametrize("verb", ["refused", "failed"])
def test_a_pool_that_takes_no_formula_or_cannot_evaluate_it_is_not_resized(empty, verb):
    pushing = refused if verb == "refused" else partial(failed, empty)
    empty.through(Beside(empty.batch, push_formula=pushing))
    empty.ask()
    for _ in range(3):
        empty.minute()
    assert (empty.report.target_nodes, empty.report.autoscales) == (0, True)
    empty.batch.pools[empty.pool] = replace(empty.report, autoscale_error=None)
    empty.through(empty.batch)
    empty.minute()
    assert empty.report.target_nodes > 0


def test_a_pool_in_use_is_not_emptied_between_two_runs(empty):
    empty.batch.pools[empty.pool] = replace(empty.report, nodes=2, target_nodes=2)
    empty.ask()
    empty.app.settle()
    empty.app.world.clock.advance(MINUTE / 2)
    sweep.sweep(empty.app.engine)
    assert ASKED in empty.report.formula  # the next run may come just now
    empty.app.world.clock.advance(MINUTE / 2)
    sweep.sweep(empty.app.engine)
    assert ASKED not in empty.report.formula
