"""Publishes completion events from the outbox at least once; consumers drop duplicates by id."""

from pipeline.domain.runs.messages import AnnounceMessage
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.starting.followers import start_followers
from pipeline.ledger import outbox


def announce(message: AnnounceMessage, engine: Engine) -> None:
    """Publish one event unless it was announced already; start what follows the run first."""
    entry = outbox.find(engine.ports.tables, message.run, message.event)
    if entry is None:
        return
    start_followers(engine, entry.event)
    engine.ports.events.publish(entry.event)
    outbox.mark_announced(engine.ports.tables, entry, engine.now)
    log.info(
        "Run announced", extra={"action": "announce", "run": message.run, "event": message.event}
    )
