"""What the timers do. Each invocation is billed for at least a second, so there are only two."""

from pipeline.handlers.engine import Engine, log
from pipeline.handlers.mending import sweep
from pipeline.handlers.starting import lost_events, tick


def every_minute(engine: Engine) -> None:
    """Start the schedules that are due, then sweep; a failure of one does not stop the other."""
    engine = engine.begun()
    try:
        tick.on_tick(engine)
    finally:
        sweep.sweep(engine)


def every_hour(engine: Engine) -> None:
    """Start runs whose events were lost, then delete jobs that completed long ago.

    A failure of one does not stop the other.
    """
    engine = engine.begun()
    try:
        lost_events.sweep_events(engine)
    finally:
        reap(engine)


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago; return how many."""
    reaped = engine.ports.jobs.reap(engine.now - engine.patience.reap)
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
