"""Answers the probe of `fanfare doctor`: an empty blob below a reserved name, which is deleted.

That it goes shows the whole way: Storage, Event Grid, the queue, the function app and its role. An
empty blob starts nothing, so an app that knows no probe is not disturbed by one either.
"""

from pipeline.domain.runs import naming
from pipeline.domain.runs.events import BlobCreated
from pipeline.handlers.engine import Engine, log


def answer(engine: Engine, event: BlobCreated) -> bool:
    """Delete the blob if it is a probe, and say whether it was one."""
    if event.size or not naming.is_probe(event.ref):
        return False
    engine.ports.writer.delete(event.ref)
    log.info("Probe answered", extra={"action": "probe", "container": event.container})
    return True
