"""Gives up a job for which no node can be prepared, so that its tasks get another job, or fail.

Batch keeps a job off every node where its preparation failed. A further job may use these nodes
again: what failed may have passed, as a full disk does.
"""

from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.reports import JobReport
from pipeline.domain.waiting.verdicts import preparation_text, unpreparable
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.why import jobs_at_work, pool_of, pool_report


def give_up(engine: Engine, run: Run) -> None:
    """End each job of a run that waits for a preparation in vain; a second call is harmless.

    A job that is over makes `reconcile` look after the tasks that are left in it.
    """
    if run.obstacle is None or run.obstacle.code is not ObstacleCode.PREPARATION_FAILING:
        return
    patience = engine.patience
    for job in jobs_at_work(engine, run):
        report = engine.ports.cluster.job(job)
        if report.state != "active":
            continue
        pool = pool_report(engine, run, report)
        if unpreparable(report, pool, engine.now, patience.preparation, patience.pool):
            fields = {"job": job, "nodes": report.preparation.failures}
            log.warning(
                "No node can be prepared: the job is ended",
                extra={**context(run, "preparation"), **fields},
            )
            engine.ports.jobs.terminate(job)


def told(engine: Engine, run: Run, job: str, report: JobReport) -> str:
    """Say how the preparation of a job failed, in the installer's last words."""
    failed = report.preparation.failed
    node = failed.node if failed else ""
    words = engine.ports.cluster.last_words(pool_of(engine, run, report), node, job)
    return preparation_text(report, words)
