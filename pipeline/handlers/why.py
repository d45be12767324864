"""Says in one line what a run waits for: a pure reading of what Batch reports."""

from pipeline.domain.lifecycle import State
from pipeline.domain.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers.engine import Engine
from pipeline.ports import JobReport, PoolReport


def explain(engine: Engine, run: Run) -> str:
    """Look at the run's job and pool and say what it waits for."""
    if run.over:
        return ""
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
    if not pool.state:
        return f"pool {pool_id} does not exist: deploy it (`azd provision`, locally `fanfare up`)"
    if job.preparation_error:
        return f"job preparation fails on the nodes: {job.preparation_error}"
    if job.running:
        total = job.active + job.running + job.succeeded + job.failed
        return f"{job.running} tasks running, {job.active} queued, of {total}"
    if pool.errors:
        return f"pool {pool_id} cannot grow: {'; '.join(pool.errors)}"
    if pool.nodes and pool.unusable_nodes == pool.nodes:
        return f"all {pool.nodes} nodes of pool {pool_id} are unusable: its start task or image"
    if job.active and not pool.nodes:
        return f"pool {pool_id} has no node yet ({pool.target_nodes} wanted, {pool.allocation})"
    if job.active:
        return f"{job.active} tasks queued for {pool.nodes} nodes of pool {pool_id}"
    return "all tasks are over; receipts are on their way"
