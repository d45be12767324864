"""Answers the probe of `fanfare doctor`: an empty blob below a reserved name, which is deleted.

That it goes shows the whole way: Storage, Event Grid, the queue, the function app and its role. An
empty blob starts nothing, so an app that knows no probe is not disturbed by one either.
"""

from pipeline.domain.runs.events import BlobCreated
from pipeline.domain.runs.naming import BlobRef
from pipeline.handlers.engine import Engine, log

FOLDER = ".fanfare-doctor/"
CONTAINERS = ("input", "receipts")


def answer(engine: Engine, event: BlobCreated) -> bool:
    """Delete the blob if it is a probe, and say whether it was one."""
    if event.size or event.container not in CONTAINERS or not event.name.startswith(FOLDER):
        return False
    engine.ports.writer.delete(BlobRef(event.container, event.name))
    log.info("Probe answered", extra={"action": "probe", "container": event.container})
    return True
