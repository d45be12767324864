"""Finds out what a run waits for: reads the facts, and lets the domain decide.

For each answer, Batch is asked once about the run's jobs and its pool.
"""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.domain.runs import naming
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import Obstacle, ObstacleCode
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting import endings
from pipeline.domain.waiting.batch import Readings
from pipeline.domain.waiting.decide import FailingStep, Situation, decide
from pipeline.domain.waiting.remedies import PROVISION_GPUS, Place, obstacle
from pipeline.domain.waiting.reports import JobReport, PoolReport
from pipeline.errors import FanfareError, NotYet
from pipeline.handlers.engine import DefinitionUnreadable, Engine
from pipeline.ledger import index, pools, progress, tasks

_EXECUTIONS, _OTHERS = 3, 3
# The states in which a run may have tasks in Batch, and the stage whose program they belong to
# ("" for the plan's own tasks).
_STAGES = {
    State.PLANNING: naming.SPLIT,
    State.SUBMITTING: "",
    State.RUNNING: "",
    State.ASSEMBLING: naming.ASSEMBLE,
}

_CODES: tuple[tuple[type[FanfareError], ObstacleCode], ...] = (
    (NotYet, ObstacleCode.OUTPUTS_NOT_UPLOADED),
    (DefinitionUnreadable, ObstacleCode.DEFINITION_UNREADABLE),
)
_SERVICES = {
    "Batch": ObstacleCode.BATCH_NOT_ANSWERING,
    "Storage": ObstacleCode.STORAGE_NOT_ANSWERING,
    "Key Vault": ObstacleCode.VAULT_NOT_ANSWERING,
}


def obstacle_to(engine: Engine, run: Run) -> Obstacle | None:
    """Return what a run waits for, or None if it has ended."""
    if run.over:
        return None
    found = decide(_situation(engine, run))
    return found.after(run.obstacle, engine.now) if found else None


def _situation(engine: Engine, run: Run) -> Situation:
    """Read all that is known about a run."""
    known = _ledger(engine, run)
    jobs = jobs_at_work(engine, run)
    if not jobs:
        return known
    try:
        known = replace(known, batch=_readings(engine, run, jobs))
    except FanfareError as error:
        known = replace(known, silence=str(error))
    if run.plan and run.state in (State.SUBMITTING, State.RUNNING):
        tables = engine.ports.tables
        done = progress.union(tables, run.id, run.generation, "tasks").count()
        known = replace(known, done=done)
    return known


def remedy_of(engine: Engine, run: Run) -> str:
    """Return what to do about a run that has ended; "" if it goes on or needs nothing."""
    return endings.remedy_of(run.cause, place_of(engine, run)) if run.over else ""


def noted(engine: Engine, run: Run, code: ObstacleCode, evidence: str) -> Obstacle:
    """Make the obstacle that a handler met, for the run to keep."""
    return obstacle(code, evidence, place_of(engine, run))


def note_failing(engine: Engine, run: Run, what: str, error: FanfareError) -> None:
    """Note on a run that something which is tried again fails, and with which error."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), None)
    code = code or _SERVICES.get(error.service, ObstacleCode.STEP_FAILING)
    step = FailingStep(code, f"{what}: {error}")
    index.note_failure(engine.ports.tables, run, step, engine.now)


def place_of(engine: Engine, run: Run) -> Place:
    """Return the names that a remedy for this run mentions."""
    pool = engine.catalogue.pools.get(run.pool)
    pool_id = engine.pool_id_of(pool) if pool else run.pool
    place = Place(engine.local, run.id, run.pipeline, run.pool, pool_id, run.job)
    return replace(place, provision=PROVISION_GPUS) if pool and pool.devices else place


def pool_report(engine: Engine, run: Run, job: JobReport) -> PoolReport:
    """Ask Batch for the pool of a run's job; one that is no longer defined counts as missing."""
    if run.pool not in engine.catalogue.pools:
        return PoolReport("")
    return engine.ports.cluster.pool(pool_of(engine, run, job))


def pool_of(engine: Engine, run: Run, job: JobReport) -> str:
    """Return the id of a job's pool, which may be of an earlier version of its definition."""
    return job.pool or place_of(engine, run).pool_id


def _ledger(engine: Engine, run: Run) -> Situation:
    """Return what the ledger tells: the step that keeps failing, or that waits for long."""
    known = Situation(run, engine.now, place_of(engine, run))
    entry = index.active_entry(engine.ports.tables, run)
    if entry is None:
        return known
    late = run.idle_for(engine.now) > engine.patience.receipt
    return replace(
        known,
        failing=entry.failing(run.changed_at, engine.now),
        asked_again=entry.asked(run.changed_at) + engine.patience.stale if late else None,
    )


def jobs_at_work(engine: Engine, run: Run) -> list[str]:
    """Name the jobs that may hold the run's present tasks; none if it has nothing in Batch."""
    stage = _STAGES.get(run.state)
    if stage is None:
        return []
    if stage:
        found = tasks.find(engine.ports.tables, run.id, run.generation, stage)
        going = found is not None and not found.result.attempt and not found.result.cause
        return [run.names.job(found.result.execution, stage)] if found and going else []
    first = max(1, run.executions + 1 - _EXECUTIONS)
    return [run.job, *(run.names.job(n) for n in range(first, run.executions + 1))]


def _readings(engine: Engine, run: Run, jobs: Iterable[str]) -> Readings:
    reports = {job: engine.ports.cluster.job(job) for job in jobs}
    together = JobReport.of_all(reports.values())
    pool, pool_id = pool_report(engine, run, together), pool_of(engine, run, together)
    seen = Readings(together, pool, pool_id, defined=place_of(engine, run).pool_id)
    if pool.counts.running and not pool.counts.idle and seen.job.active and not seen.job.running:
        seen = replace(seen, others=_others(engine, run))
    return replace(seen, words=_words(engine, reports, pool, pool_id))


def _others(engine: Engine, run: Run) -> list[str]:
    """Name other runs that need the same pool."""
    wanted = pools.demands(engine.ports.tables, run.pool, engine.now)
    names = sorted(demand.run for demand in wanted if demand.run != run.id)
    more = [f"and {len(names) - _OTHERS} more"] if len(names) > _OTHERS else []
    return [*names[:_OTHERS], *more]


def _words(engine: Engine, reports: dict[str, JobReport], pool: PoolReport, pool_id: str) -> str:
    """Read the last words of a failed preparation or start task."""
    cluster = engine.ports.cluster
    for job, report in reports.items():
        if report.preparation.failed:
            return cluster.last_words(pool_id, report.preparation.failed.node, job)
    if pool.counts.start_task_failed and pool.node_error:
        return cluster.last_words(pool_id, pool.node_error.node)
    return ""
