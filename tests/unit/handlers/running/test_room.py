"""A task that says what it needs gets its share of a node, everywhere slots count."""

from pipeline.ledger import pools
from tests.unit.handlers.conftest import LINES


def test_memory_becomes_slots_in_the_task_the_demand_and_the_price(app_with):
    app = app_with(LINES.replace("task: {", "task: {memory: 4g, "))
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.pump()
    (job,) = app.world.batch.jobs
    slots = [task.spec.slots for task in app.world.batch.jobs[job].tasks.values()]
    assert slots == [2, 2, 2]
    (wanted,) = pools.demands(app.world.tables, "cpu", app.world.clock.now())
    assert wanted.slots == 6
    app.settle()
    assert app.only_run().node_seconds == 3.0  # each item took a second of both slots
