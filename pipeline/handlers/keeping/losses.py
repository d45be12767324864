"""Notices that a table of the ledger lost rows, by what the others and the backups say."""

from collections.abc import Iterable
from itertools import islice

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.handlers import backups
from pipeline.handlers.engine import Engine
from pipeline.ledger import index, progress, runs
from pipeline.ledger.keeping import restored
from pipeline.ledger.layout import PROGRESS, RUNS, TASKS
from pipeline.ledger.rows import Unreadable

_LOOKED_AT = 20  # the latest runs of each pipeline
_HAS_PAGES = frozenset({State.RUNNING, State.ASSEMBLING, State.COMMITTING})


def lost_tables(engine: Engine, pipelines: Iterable[str]) -> list[str]:
    """Name the tables that lost rows, by a look at the latest runs of each pipeline.

    Nothing tells that `pools` lost rows: runs write them anew.
    """
    tables, lost = engine.ports.tables, set[str]()
    for pipeline in pipelines:
        if backups.is_lost(engine, pipeline):
            lost.add(RUNS)
        for run_id in islice(index.recent(tables, pipeline), _LOOKED_AT):
            try:
                held = runs.load(tables, run_id)
            except Unreadable:
                continue  # the check of runs reports it
            if held and held.run.purged_at is None:
                lost |= _lost_of(engine, held.run)
    return sorted(lost)


def _lost_of(engine: Engine, run: Run) -> set[str]:
    """Name the tables that lack what a run must have left there."""
    plan, tables = run.plan, engine.ports.tables
    if plan is None or not plan.tasks:
        return set()
    lost = set[str]()
    counted = progress.union(tables, run.id, run.generation, "tasks").count()
    heard = restored.has_results(tables, run.id, run.generation)
    if not heard and (counted or run.state is State.SUCCEEDED):
        lost.add(TASKS)
    pages = progress.union(tables, run.id, run.generation, "pages").count()
    if run.state in _HAS_PAGES and not pages:
        lost.add(PROGRESS)  # nothing reads that of a run which is over
    return lost
