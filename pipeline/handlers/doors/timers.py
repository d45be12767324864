"""What the timers do. Each invocation is billed for at least a second, so there are only two."""

from contextlib import ExitStack

from pipeline.handlers.engine import Engine, log
from pipeline.handlers.keeping import retention
from pipeline.handlers.mending import sweep
from pipeline.handlers.starting import lost_events, tick


def every_minute(engine: Engine) -> None:
    """Start the schedules that are due, then sweep; a failure of one does not stop the other."""
    try:
        tick.on_tick(engine)
    finally:
        sweep.sweep(engine)


def every_hour(engine: Engine) -> None:
    """Start runs whose events were lost, delete old jobs, then what old runs left.

    A failure of one does not stop the others.
    """
    with ExitStack() as finally_:
        finally_.callback(retention.retain, engine)
        finally_.callback(reap, engine)
        lost_events.sweep_events(engine)


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago; return how many."""
    reaped = engine.ports.jobs.reap(engine.now - engine.patience.reap)
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
