"""What it takes to follow a run: calls of Batch in an hour in which a million items are worked on.

Runs over the fakes, with a sweep each minute. Adding tasks is not counted, and each call of a port
counts as the requests that its adapter sends.
"""

from collections import Counter
from datetime import timedelta

from benchmarks.operations import PIPELINE
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector
from tests.fakes.definitions import written

MINUTES = 60
# Requests of `adapters/batch`: a job with its counts and preparations, a pool with its nodes and
# their errors.
_REQUESTS = {"job": 4, "pool": 4, "add": 0}


def requests_in_an_hour(items: int, bundle: int) -> Counter[str]:
    """Run so many items in an hour in memory; return the requests of Batch by the call."""
    app = FakeApp.of(written((("job", PIPELINE.format(bundle=bundle)),)))
    calls = Injector()
    app.through(calls.ports(app.world.ports))
    app.upload("a.txt", b"line\n" * items)
    app.pump()
    batch, execute = app.world.batch, app.world.node(app.program)
    waiting = [(job, task) for job in list(batch.jobs) for task in batch.active(job)]
    for minute in range(MINUTES):
        begin, end = (len(waiting) * n // MINUTES for n in (minute, minute + 1))
        for job, task in waiting[begin:end]:
            batch.run_task(job, task, execute)
        app.pump()
        app.pass_time(timedelta(minutes=1))
    app.settle()
    assert app.only_run().state == "succeeded", app.only_run()
    asked = [call.verb for call in calls.trace if call.port in ("jobs", "cluster")]
    asked = [verb for verb in asked if verb != "reap"]  # of all runs together
    return Counter({verb: asked.count(verb) * _REQUESTS.get(verb, 1) for verb in set(asked)})
