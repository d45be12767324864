"""Tells a pool what is wanted of it now, so that it need not wait for its next evaluation.

Table `pools`, partition = pool: a row a run with its demand and expiry, and one of the last push.
Correctness never depends on any of it: the pool's own formula follows the pending tasks.
"""

from collections.abc import Iterator
from datetime import datetime

from pipeline.domain.pools.formula import Demand, render_formula
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, Permanent, Transient
from pipeline.handlers.engine import Engine, context, log
from pipeline.ports.tables import Insert, Remove, Replace, Row

TABLE = "pools"
_DEMAND, _PUSH = "demand:", "push"


def register(engine: Engine, run: Run, tasks: int) -> None:
    """Record how many slots the run wants for a while, and push the formula if it is time."""
    slots = tasks * engine.definition(run).task.slots
    expires = engine.now + engine.patience.demand
    row = Row(run.pool, f"{_DEMAND}{run.id}", {"slots": slots, "expires_at": expires})
    _put(engine, row)
    push(engine, run.pool)


def push(engine: Engine, pool_name: str) -> None:
    """Push the pool's formula unless somebody did just now, it is the same, or the pool refuses."""
    pool = engine.catalogue.pools.get(pool_name)
    last = engine.ports.tables.get(TABLE, pool_name, _PUSH)
    if pool is None or (last and engine.now - _time(last, "at") < engine.patience.push):
        return
    live = list(_live(engine, pool_name))
    if not live and (last is None or last.values.get("demands") == 0):
        return
    formula = render_formula(pool, live, engine.now)
    etag = last.etag if last else None
    mine = Row(pool_name, _PUSH, {"at": engine.now, "demands": len(live)}, etag)
    try:
        engine.ports.tables.transact(TABLE, pool_name, [Replace(mine) if last else Insert(mine)])
        engine.ports.cluster.push_formula(engine.pool_id_of(pool), formula)
    except Conflict:
        return  # somebody else pushes
    except (Transient, Permanent) as error:
        log.warning(
            "Pool takes no formula now; its own follows the pending tasks",
            extra={"action": "push", "pool": pool_name, "reason": str(error)},
        )


def withdraw(engine: Engine, run: Run) -> None:
    """Forget what a run wanted."""
    engine.ports.tables.transact(TABLE, run.pool, [Remove(f"{_DEMAND}{run.id}")])
    log.debug("Demand withdrawn", extra=context(run, "withdraw"))


def _live(engine: Engine, pool: str) -> Iterator[Demand]:
    for row in engine.ports.tables.query(TABLE, pool, _DEMAND, "demand;"):
        expires = _time(row, "expires_at")
        if expires > engine.now:
            run = row.key.removeprefix(_DEMAND)
            yield Demand(run=run, slots=int(str(row.values["slots"])), expires_at=expires)


def _put(engine: Engine, row: Row) -> None:
    found = engine.ports.tables.get(TABLE, row.partition, row.key)
    written = Row(row.partition, row.key, row.values, found.etag if found else None)
    try:
        operation = Replace(written) if found else Insert(written)
        engine.ports.tables.transact(TABLE, row.partition, [operation])
    except Conflict:
        log.debug("Demand was registered by another invocation", extra={"action": "demand"})


def _time(row: Row, name: str) -> datetime:
    value = row.values[name]
    assert isinstance(value, datetime)  # noqa: S101 - only this module writes these rows
    return value
