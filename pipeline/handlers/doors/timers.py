"""What the timers do. Each invocation is billed for at least a second, so few timers do much."""

from pipeline.handlers.engine import Engine, log
from pipeline.handlers.mending import sweep
from pipeline.handlers.starting import lost_events, tick


def every_minute(engine: Engine) -> None:
    """Start what schedules are due for, then find what any arrow lost; neither stops the other."""
    try:
        tick.on_tick(engine)
    finally:
        sweep.sweep(engine)


def every_hour(engine: Engine) -> None:
    """Start the runs whose events were lost, and delete jobs that completed long ago; neither
    stops the other.
    """
    try:
        lost_events.sweep_events(engine)
    finally:
        reap(engine)


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago; return how many."""
    reaped = engine.ports.jobs.reap(engine.now - engine.patience.reap)
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
