"""All rows of the ledger as a stream of values, without what must stay secret."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime

from pipeline.domain.runs import naming
from pipeline.ledger import index, watermarks
from pipeline.ledger.layout import POOLS, PROGRESS, RUNS, TASKS, partition
from pipeline.ledger.pools import WATCHED
from pipeline.ports.tables import Row, Tables, Value

type Exported = dict[str, object]

# Whoever knows them can tell where a node's receipt is expected.
_SECRET_COLUMNS = frozenset({"seal"})
_ADDRESS = re.compile(r"(/x[0-9]{1,4}-)[0-9a-f]{32}")


def exported(tables: Tables, pools: Iterable[str]) -> Iterator[Exported]:
    """Yield every row, table by table; `pools` are those that may have rows.

    A row that changes meanwhile is as it is when it is read.
    """
    pipelines = index.pipelines(tables)
    for place in (index.REGISTRY, watermarks.TICKS, *pipelines):
        yield from (_plain(RUNS, row) for row in tables.query(RUNS, place))
    for pipeline in pipelines:  # how far its search for lost events has come
        yield from (_plain(PROGRESS, row) for row in tables.query(PROGRESS, partition(pipeline, 0)))
    for table in (TASKS, PROGRESS):
        for pipeline in pipelines:
            for run, generations in _runs(tables, pipeline):
                for generation in range(1, generations + 1):
                    place = partition(run, generation)
                    yield from (_plain(table, row) for row in tables.query(table, place))
    for place in (*pools, WATCHED):
        yield from (_plain(POOLS, row) for row in tables.query(POOLS, place))


def _runs(tables: Tables, pipeline: str) -> Iterator[tuple[str, int]]:
    """Yield a pipeline's runs, readable or not, each with its number of generations."""
    for row in tables.query(RUNS, pipeline):
        if naming.pipeline_of(row.key) == pipeline:
            number = row.values.get("generation", 1)
            yield row.key, number if isinstance(number, int) else 1


def _plain(table: str, row: Row) -> Exported:
    values = {name: _value(v) for name, v in row.values.items() if name not in _SECRET_COLUMNS}
    return {"table": table, "partition": row.partition, "key": row.key, "values": values}


def _value(value: Value) -> object:
    if isinstance(value, datetime):
        return {"time": value.isoformat()}
    return _ADDRESS.sub(r"\1…", value) if isinstance(value, str) else value
