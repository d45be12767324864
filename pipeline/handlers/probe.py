"""Answers the probe of `fanfare doctor`: deletes an empty blob with a reserved name.

The deletion proves that the whole path works: Storage, Event Grid, the queue, the function app and
its role. An empty blob starts no run, so a probe is harmless to an app that does not know it.
"""

from pipeline.domain.runs import naming
from pipeline.domain.runs.events import BlobCreated
from pipeline.handlers.engine import Engine, log


def answer(engine: Engine, event: BlobCreated) -> bool:
    """Delete the blob if it is a probe, and return whether it was one."""
    if event.size or not naming.is_probe(event.ref):
        return False
    engine.ports.writer.delete(event.ref)
    log.info("Probe answered", extra={"action": "probe", "container": event.container})
    return True
