"""What runs need of a pool, when its formula was last pushed, and which pools are watched.

Table `pools`, partition = pool: `demand:{run}` with slots and expiry, and `push`. Partition
`!watched` has a row for each pool of Batch, by its id, that was resized or may be: the definition
that a pool was made from may change or go meanwhile.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.domain.pools.formula import Demand
from pipeline.errors import Conflict
from pipeline.ledger.layout import POOLS
from pipeline.ledger.rows import Unreadable, moment, number, prefixed, readable, write
from pipeline.ports.tables import Remove, Row, Tables, Value

WATCHED = "!watched"
_DEMAND, _PUSH = "demand:", "push"
_TRIES = 5


@dataclass(frozen=True)
class Push:
    """When a pool's formula was last pushed, and for how many demands.

    `pool_id` is the pool of Batch that got it, and `taken` says that the pool is known to have it.
    """

    at: datetime
    demands: int
    etag: str | None = None
    pool_id: str = ""
    taken: bool = False


@dataclass(frozen=True)
class Watch:
    """A pool of Batch of which nobody has seen yet that its formula has it.

    `formula` is what it gets once no definition leads to it any more.
    """

    pool_id: str
    pool: str
    formula: str
    etag: str | None = None


def want(tables: Tables, pool: str, demand: Demand) -> None:
    """Record a run's demand, in place of its earlier one. Raises Conflict."""
    key = _DEMAND + demand.run
    found = tables.get(POOLS, pool, key)
    values: dict[str, Value] = {"slots": demand.slots, "expires_at": demand.expires_at}
    write(tables, POOLS, Row(pool, key, values, found.etag if found else None))


def withdraw(tables: Tables, pool: str, run: str) -> None:
    """Delete a run's demand."""
    tables.transact(POOLS, pool, [Remove(_DEMAND + run)])


def demands(tables: Tables, pool: str, now: datetime) -> Iterator[Demand]:
    """Yield the demands on a pool that have not expired."""
    for demand in readable(prefixed(tables, POOLS, pool, _DEMAND), _demand):
        if demand.expires_at > now:
            yield demand


def demand_of(tables: Tables, pool: str, run: str, now: datetime) -> Demand | None:
    """Read a run's demand; None if there is none, or it has expired."""
    row = tables.get(POOLS, pool, _DEMAND + run)
    found = next(iter(readable([row], _demand)), None) if row else None
    return found if found and found.expires_at > now else None


def last_push(tables: Tables, pool: str) -> Push | None:
    """Read when the formula was last pushed. Raises Unreadable."""
    row = tables.get(POOLS, pool, _PUSH)
    if row is None:
        return None
    demands = number(row, "demands", POOLS) if "demands" in row.values else -1
    pool_id, taken = str(row.values.get("pool_id", "")), row.values.get("taken") is True
    return Push(moment(row, "at", POOLS), demands, row.etag, pool_id, taken)


def note_push(tables: Tables, pool: str, push: Push) -> Push:
    """Note a push in place of the one that was read, and return it as the next to replace.

    Raises Conflict if somebody else pushes.
    """
    values: dict[str, Value] = {
        "at": push.at,
        "demands": push.demands,
        "pool_id": push.pool_id,
        "taken": push.taken,
    }
    return replace(push, etag=write(tables, POOLS, Row(pool, _PUSH, values, push.etag)))


def watch(tables: Tables, watch: Watch) -> Watch:
    """Begin a watch, whoever else begins or ends one now. Raises Conflict after a few tries."""
    for _ in range(_TRIES):
        found = tables.get(POOLS, WATCHED, watch.pool_id)
        try:
            return keep_watch(tables, replace(watch, etag=found.etag if found else None))
        except Conflict:
            continue  # the other one may have ended it
    raise Conflict(f"Others write the watch of pool {watch.pool_id} all the time.")


def keep_watch(tables: Tables, watch: Watch, *, watched: bool = True) -> Watch:
    """Go on with the watch that was read, or end it. Raises Conflict if somebody else did."""
    values: dict[str, Value] = {"pool": watch.pool, "formula": watch.formula, "watched": watched}
    row = Row(WATCHED, watch.pool_id, values, watch.etag)
    return replace(watch, etag=write(tables, POOLS, row))


def watches(tables: Tables) -> Iterator[Watch]:
    """Yield the watches that go on. A row that cannot be read is left out."""
    for row in tables.query(POOLS, WATCHED):
        if row.values.get("watched") is not False:
            yield from readable([row], _watch)


def _watch(row: Row) -> Watch:
    pool, formula = row.values.get("pool"), row.values.get("formula")
    if not isinstance(pool, str) or not isinstance(formula, str):
        raise Unreadable(POOLS, row, "pool, formula: texts are expected")
    return Watch(row.key, pool, formula, row.etag)


def _demand(row: Row) -> Demand:
    slots, expires = number(row, "slots", POOLS), moment(row, "expires_at", POOLS)
    return Demand(run=row.key.removeprefix(_DEMAND), slots=slots, expires_at=expires)
