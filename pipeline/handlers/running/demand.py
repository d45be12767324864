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
from pipeline.ledger.pools import Push, Watch


def register(engine: Engine, run: Run, tasks: int) -> None:
    """Record how many slots the run needs for a while, push the formula, and watch the pool."""
    pool = engine.catalogue.pools.get(run.pool)
    slots = tasks * slots_of(engine.definition(run).task, pool)
    wanted = Demand(run=run.id, slots=slots, expires_at=engine.now + engine.patience.demand)
    try:
        pools.want(engine.ports.tables, run.pool, wanted)
    except Conflict:
        log.debug("Demand was registered by another invocation", extra={"action": "demand"})
    grow(engine, run.pool)


def lapsed(engine: Engine, run: Run) -> bool:
    """Return whether a run whose tasks wait for nodes must ask anew: what it asked for has expired.

    So a pool gets its formula back that somebody changed, or turned off. A job on the pool of an
    earlier definition has no use of nodes elsewhere.
    """
    if run.pool not in engine.catalogue.pools:
        return False
    if pools.demand_of(engine.ports.tables, run.pool, run.id, engine.now):
        return False
    jobs = (engine.ports.cluster.job(job) for job in jobs_at_work(engine, run))
    return any(job.pool in ("", engine.pool_id(run)) for job in jobs)


def grow(engine: Engine, pool_name: str) -> None:
    """Push the pool's formula, and watch the pool until its formula has it."""
    pool = engine.catalogue.pools.get(pool_name)
    if pool is None:
        return
    pool_id, own = engine.pool_id_of(pool), render_formula(pool, [], engine.now)
    try:
        # What is noted first, the next sweep goes on with, wherever this ends.
        watch = pools.watch(engine.ports.tables, Watch(pool_id, pool_name, own))
    except Conflict:
        log.debug("Others watch the pool", extra={"action": "watch", "pool": pool_name})
        watch = None
    push(engine, pool_name)
    if watch:
        _look(engine, watch, pool)


def look_after(engine: Engine, watch: Watch) -> None:
    """Give a watched pool its formula, and end the watch once its formula has it."""
    pool = engine.catalogue.pools.get(watch.pool)
    if pool is None or engine.pool_id_of(pool) != watch.pool_id:
        _takes(engine, watch.pool, watch.pool_id, watch.formula)
        _look(engine, watch, None)
        return
    push(engine, watch.pool, watched=True)
    _look(engine, watch, pool)


def push(engine: Engine, pool_name: str, *, watched: bool = False) -> None:
    """Push the pool's formula, unless one was pushed just now or there is no demand to change.

    A watched pool gets it although nobody needs anything. Others hear that nobody needs them only
    in the second period after a push: in the first a run may ask, which must find the pool's nodes,
    and which could not push so soon after another push.
    """
    tables, pool = engine.ports.tables, engine.catalogue.pools.get(pool_name)
    if pool is None:
        return
    last, pool_id = pools.last_push(tables, pool_name), engine.pool_id_of(pool)
    if last and last.pool_id == pool_id and engine.now - last.at < engine.patience.push:
        return
    live = list(pools.demands(tables, pool_name, engine.now))
    if not (live or watched) and (
        last is None or last.demands == 0 or engine.now - last.at < 2 * engine.patience.push
    ):
        return
    formula = render_formula(pool, live, engine.now, engine.patience.demand)
    mine = Push(engine.now, len(live), last.etag if last else None, pool_id)
    try:
        mine = pools.note_push(tables, pool_name, mine)
        if _takes(engine, pool_name, pool_id, formula):
            # Batch counts the time until the next formula from here, too.
            pools.note_push(tables, pool_name, replace(mine, at=engine.now, taken=True))
    except Conflict:
        return  # another invocation pushes


def _takes(engine: Engine, pool_name: str, pool_id: str, formula: str) -> bool:
    try:
        engine.ports.cluster.push_formula(pool_id, formula)
    except (Conflict, Transient, Permanent) as error:
        log.warning(
            "Pool refuses a formula now: its present one follows the pending tasks",
            extra={"action": "push", "pool": pool_name, "reason": str(error)},
        )
        return False
    return True


def _look(engine: Engine, watch: Watch, pool: Pool | None) -> None:
    """Look whether a watched pool grows by its formula; if it does not, resize it.

    `pool` is what it was made from, or None if no definition leads to it any more.
    """
    tables = engine.ports.tables
    live = list(pools.demands(tables, pool.name, engine.now)) if pool else []
    try:
        last = pools.last_push(tables, watch.pool)
        taken = last is not None and last.taken and last.pool_id == watch.pool_id
        step = next_step(engine.ports.cluster.pool(watch.pool_id), live, taken=taken)
        if step is Growth.LEAVE:
            pools.keep_watch(tables, watch, watched=False)
        elif step is Growth.RESIZE and pool:
            # Nobody else has ended the watch since: a pool without autoscale must be watched.
            pools.keep_watch(tables, watch)
            _resize(engine, pool, live)
    except Conflict:
        log.debug("Another invocation watches the pool", extra={"action": "watch"})
    except (Transient, Permanent) as error:
        log.warning(
            "Pool cannot grow now: the next sweep looks at it again",
            extra={"action": "watch", "pool": watch.pool, "reason": str(error)},
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
