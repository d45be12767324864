"""Pauses and resumes a pipeline: one row beside its runs, which admission looks for."""

from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.handlers.starting import admission
from pipeline.ledger import runs
from pipeline.ports.tables import Insert, Remove, Row

_PAUSED = "!paused"
_ADMITTED = 100


def pause(engine: Engine, pipeline: str) -> bool:
    """Let new runs wait; say whether that is a change."""
    row = Row(pipeline, _PAUSED, {"since": engine.now})
    try:
        engine.ports.tables.transact(runs.TABLE, pipeline, [Insert(row)])
    except Conflict:
        return False
    return True


def resume(engine: Engine, pipeline: str) -> bool:
    """Let new runs begin, and those that wait; say whether that is a change."""
    was = admission.paused(engine.ports.tables, pipeline)
    engine.ports.tables.transact(runs.TABLE, pipeline, [Remove(_PAUSED)])
    admission.admit_next(engine, pipeline, _ADMITTED)
    return was
