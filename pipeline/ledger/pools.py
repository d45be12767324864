"""What runs need of a pool, and when its formula was last pushed.

Table `pools`, partition = pool: `demand:{run}` with slots and expiry, and `push`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from pipeline.domain.pools.formula import Demand
from pipeline.ledger.layout import POOLS
from pipeline.ledger.rows import moment, number, prefixed, readable, write
from pipeline.ports.tables import Remove, Row, Tables, Value

_DEMAND, _PUSH = "demand:", "push"


@dataclass(frozen=True)
class Push:
    """When a pool's formula was last pushed, and for how many demands.

    While it is watched, nobody has seen yet that the pool grows by its formula.
    """

    at: datetime
    demands: int
    etag: str | None = None
    watched: bool = False


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


def last_push(tables: Tables, pool: str) -> Push | None:
    """Read when the formula was last pushed. Raises Unreadable."""
    row = tables.get(POOLS, pool, _PUSH)
    if row is None:
        return None
    demands = number(row, "demands", POOLS) if "demands" in row.values else -1
    return Push(moment(row, "at", POOLS), demands, row.etag, row.values.get("watched") is True)


def note_push(tables: Tables, pool: str, push: Push) -> Push:
    """Note a push in place of the one that was read, and return it as the next to replace.

    Raises Conflict if somebody else pushes.
    """
    values: dict[str, Value] = {"at": push.at, "demands": push.demands, "watched": push.watched}
    return replace(push, etag=write(tables, POOLS, Row(pool, _PUSH, values, push.etag)))


def _demand(row: Row) -> Demand:
    slots, expires = number(row, "slots", POOLS), moment(row, "expires_at", POOLS)
    return Demand(run=row.key.removeprefix(_DEMAND), slots=slots, expires_at=expires)
