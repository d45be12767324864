"""Says in one line what a run waits for: a pure reading of what Batch reports."""

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.reports import JobReport, PoolReport
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.engine import Engine

_FINISHING = frozenset({State.ASSEMBLING, State.COMMITTING})


def explain(engine: Engine, run: Run) -> str:
    """Look at the run's job and pool and say what it waits for."""
    if run.over:
        return ""
    if run.state in _FINISHING:
        return run.why or "its output is being put together"
    if run.state is State.WAITING or not run.job:
        return run.why or f"{run.state}: in the queue of its next step"
    try:
        job = engine.ports.cluster.job(run.job)
        pool = engine.ports.cluster.pool(engine.pool_id(run))
    except FanfareError as error:
        return f"Batch cannot be asked: {error}"
    return reason(job, pool, engine.pool_id(run))


def reason(job: JobReport, pool: PoolReport, pool_id: str) -> str:
    """Name the first thing that stands in the way."""
    total = job.active + job.running + job.succeeded + job.failed
    unusable = pool.nodes > 0 and pool.unusable_nodes == pool.nodes
    obstacles = (
        (
            not pool.state,
            f"pool {pool_id} does not exist: deploy it (`azd provision`, locally `fanfare up`)",
        ),
        (
            job.preparation_error,
            f"job preparation fails on the nodes: {job.preparation_error}",
        ),
        (job.running, f"{job.running} tasks running, {job.active} queued, of {total}"),
        (pool.errors, f"pool {pool_id} cannot grow: {'; '.join(pool.errors)}"),
        (unusable, f"all nodes of pool {pool_id} are unusable: look at its start task and image"),
        (
            job.active and not pool.nodes,
            f"pool {pool_id} has no node yet ({pool.target_nodes} wanted, {pool.allocation})",
        ),
        (job.active, f"{job.active} tasks queued for {pool.nodes} nodes of pool {pool_id}"),
    )
    over = "all tasks are over; receipts are on their way"
    return next((text for holds, text in obstacles if holds), over)
