"""Pushes the present demand to a pool, so that it grows before its next evaluation.

Correctness never depends on a push: the pool's own formula follows the pending tasks.
"""

from pipeline.domain.definitions.room import slots_of
from pipeline.domain.pools.formula import Demand, render_formula
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent, Transient
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import jobs_at_work
from pipeline.ledger import pools
from pipeline.ledger.pools import Push


def register(engine: Engine, run: Run, tasks: int) -> None:
    """Record how many slots the run needs for a while, and push the formula if it is time."""
    pool = engine.catalogue.pools.get(run.pool)
    slots = tasks * slots_of(engine.definition(run).task, pool)
    wanted = Demand(run=run.id, slots=slots, expires_at=engine.now + engine.patience.demand)
    try:
        pools.want(engine.ports.tables, run.pool, wanted)
    except Conflict:
        log.debug("Demand was registered by another invocation", extra={"action": "demand"})
    push(engine, run.pool)


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


def push(engine: Engine, pool_name: str) -> None:
    """Push the pool's formula, unless one was pushed just now or there is no demand to change."""
    tables = engine.ports.tables
    pool, last = engine.catalogue.pools.get(pool_name), pools.last_push(tables, pool_name)
    if pool is None or (last and engine.now - last.at < engine.patience.push):
        return
    live = list(pools.demands(tables, pool_name, engine.now))
    if not live and (last is None or last.demands == 0):
        return
    formula = render_formula(pool, live, engine.now, engine.patience.demand)
    try:
        mine = Push(engine.now, len(live), last.etag if last else None)
        pools.note_push(tables, pool_name, mine)
        engine.ports.cluster.push_formula(engine.pool_id_of(pool), formula)
    except Conflict:
        return  # another invocation pushes
    except (Transient, Permanent) as error:
        log.warning(
            "Pool refuses a formula now: its present one follows the pending tasks",
            extra={"action": "push", "pool": pool_name, "reason": str(error)},
        )


def withdraw(engine: Engine, run: Run) -> None:
    """Delete a run's demand."""
    pools.withdraw(engine.ports.tables, run.pool, run.id)
    log.debug("Demand withdrawn", extra=context(run, "withdraw"))
