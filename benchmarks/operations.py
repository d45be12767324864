"""Counts what a run asks of the services, an item, over the fakes: exact, whatever the machine."""

import tempfile
from collections import Counter
from pathlib import Path

from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES, POOL

_KINDS = {
    "blobs": "blob",
    "writer": "blob",
    "tables": "table",
    "queues": "queue",
    "jobs": "batch",
    "cluster": "batch",
}


def operations_per_item(items: int, bundle: int) -> dict[str, float]:
    """Run so many items in memory and return calls an item, by service."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("pipelines", "pools", "task_scripts/environments"):
            (folder / part).mkdir(parents=True)
        (folder / "pools/cpu.yaml").write_text(POOL)
        text = LINES + f"bundle: {{items: {bundle}}}\n"
        (folder / "pipelines/job.yaml").write_text(text)
        for script in ("work.py", "runner.py", "environment.py"):
            (folder / "task_scripts" / script).write_text("")
        app = FakeApp.over(folder)
        injector = Injector()
        app.through(injector.ports(app.world.ports))
        app.upload("lines/a.txt", b"line\n" * items)
        app.settle()
    counts = Counter(_KINDS.get(call.port, call.port) for call in injector.trace)
    return {kind: counts[kind] / items for kind in ("blob", "table", "queue", "batch")}
