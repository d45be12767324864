"""Counts the calls of the services per item, over the fakes: exact on every machine."""

from collections import Counter

from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.fakes.definitions import written

_KINDS = {
    "blobs": "blob",
    "writer": "blob",
    "tables": "table",
    "queues": "queue",
    "jobs": "batch",
    "cluster": "batch",
}
PIPELINE = """
trigger: {{blob: {{container: input}}}}
split: {{lines: {{}}}}
task: {{program: work.py, arguments: ["{{output}}"]}}
bundle: {{items: {bundle}}}
pool: cpu
assemble: {{concatenate: {{format: plain, name: all.txt}}}}
"""


def operations_per_item(items: int, bundle: int) -> dict[str, float]:
    """Run this many items in memory; return the calls per item, by service."""
    app = FakeApp.of(written((("job", PIPELINE.format(bundle=bundle)),)))
    injector = Injector()
    app.through(injector.ports(app.world.ports))
    app.upload("a.txt", b"line\n" * items)
    app.settle()
    counts = Counter(_KINDS.get(call.port, call.port) for call in injector.trace)
    return {kind: counts[kind] / items for kind in ("blob", "table", "queue", "batch")}
