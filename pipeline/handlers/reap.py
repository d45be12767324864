"""Ends the jobs that a verdict should have ended, and deletes those that completed long ago."""

from pipeline.handlers.engine import Engine, log


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago; return how many."""
    reaped = engine.ports.jobs.reap(engine.now - engine.patience.reap)
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
