"""Pushes the present demand to a pool, so that it grows before its next evaluation.

Correctness never depends on a push: the pool's own formula follows the pending tasks. A pool that
is empty when a run asks is watched until it has grown: where Batch does not evaluate a formula at
once, it gets its first nodes by a resize, and its formula back once they are there.
"""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.room import slots_of
from pipeline.domain.pools.formula import Demand, render_formula
from pipeline.domain.pools.growth import Growth, first_nodes, next_step
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent, Transient
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import jobs_at_work
from pipeline.ledger import pools
from pipeline.ledger.pools import Push


def register(engine: Engine, run: Run, tasks: int) -> None:
    """Record how many slots the run needs for a while, push the formula, and watch the pool."""
    pool = engine.catalogue.pools.get(run.pool)
    slots = tasks * slots_of(engine.definition(run).task, pool)
    wanted = Demand(run=run.id, slots=slots, expires_at=engine.now + engine.patience.demand)
    try:
        pools.want(engine.ports.tables, run.pool, wanted)
    except Conflict:
        log.debug("Demand was registered by another invocation", extra={"action": "demand"})
    push(engine, run.pool, watch=True)


def renew(engine: Engine, run: Run, tasks: int) -> None:
    """Ask anew for a run whose tasks wait for nodes, once what it asked for has expired.

    So a pool gets its formula back that somebody changed, or turned off. A job on the pool of an
    earlier definition has no use of nodes elsewhere.
    """
    if run.pool not in engine.catalogue.pools:
        return
    jobs = (engine.ports.cluster.job(job) for job in jobs_at_work(engine, run))
    here = any(job.pool in ("", engine.pool_id(run)) for job in jobs)
    live = (demand.run for demand in pools.demands(engine.ports.tables, run.pool, engine.now))
    if here and run.id not in live:
        register(engine, run, tasks)


def push(engine: Engine, pool_name: str, *, watch: bool = False) -> None:
    """Push the pool's formula, unless one was pushed just now or there is no demand to change.

    A watched pool is looked at, until its formula has it again.
    """
    tables = engine.ports.tables
    pool, last = engine.catalogue.pools.get(pool_name), pools.last_push(tables, pool_name)
    if pool is None:
        return
    live = list(pools.demands(tables, pool_name, engine.now))
    watched = watch or (last is not None and last.watched)
    soon = last is not None and engine.now - last.at < engine.patience.push
    idle = not live and (last is None or last.demands == 0)
    if (soon or idle) and not watched:
        return
    # What is noted first, the next sweep goes on with, wherever this ends.
    at = last.at if last and soon else engine.now
    mine = Push(at, len(live), last.etag if last else None, watched)
    try:
        mine = pools.note_push(tables, pool_name, mine)
    except Conflict:
        return  # another invocation pushes
    if not soon:
        _push(engine, pool, live)
    if watched:
        _watch(engine, pool, live, mine)


def _push(engine: Engine, pool: Pool, live: Sequence[Demand]) -> None:
    formula = render_formula(pool, live, engine.now, engine.patience.demand)
    try:
        engine.ports.cluster.push_formula(engine.pool_id_of(pool), formula)
    except (Conflict, Transient, Permanent) as error:
        log.warning(
            "Pool refuses a formula now: its present one follows the pending tasks",
            extra={"action": "push", "pool": pool.name, "reason": str(error)},
        )


def _watch(engine: Engine, pool: Pool, live: Sequence[Demand], mine: Push) -> None:
    """Look whether a pool grows by its formula; if it does not, resize it."""
    tables = engine.ports.tables
    try:
        step = next_step(engine.ports.cluster.pool(engine.pool_id_of(pool)), live)
        if step is Growth.LEAVE:
            pools.note_push(tables, pool.name, replace(mine, watched=False))
        elif step is Growth.RESIZE:
            # Nobody else has ended the watch since: a pool without autoscale must be watched.
            pools.note_push(tables, pool.name, mine)
            _resize(engine, pool, live)
    except Conflict:
        log.debug("Another invocation watches the pool", extra={"action": "watch"})
    except (Transient, Permanent) as error:
        log.warning(
            "Pool cannot grow now: the next sweep looks at it again",
            extra={"action": "watch", "pool": pool.name, "reason": str(error)},
        )


def _resize(engine: Engine, pool: Pool, live: Sequence[Demand]) -> None:
    dedicated, spot = first_nodes(pool, live, engine.now, engine.patience.demand)
    engine.ports.cluster.resize_by_hand(engine.pool_id_of(pool), dedicated, spot)
    log.info(
        "The pool did not follow its formula at once: it gets its first nodes by a resize",
        extra={"action": "resize", "pool": pool.name, "nodes": dedicated + spot},
    )


def withdraw(engine: Engine, run: Run) -> None:
    """Delete a run's demand."""
    pools.withdraw(engine.ports.tables, run.pool, run.id)
    log.debug("Demand withdrawn", extra=context(run, "withdraw"))
