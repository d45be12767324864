"""Deletes jobs that completed long ago. It ends none: that follows a verdict."""

from pipeline.handlers.engine import Engine, log


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago; return how many."""
    reaped = engine.ports.jobs.reap(engine.now - engine.patience.reap)
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
