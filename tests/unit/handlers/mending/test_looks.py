"""A sweep asks Batch about a run that does not move, and about each pool once."""

from collections import Counter
from datetime import timedelta

import pytest

from pipeline.handlers.doors import timers
from tests.fakes.crash import Injector
from tests.unit.handlers.conftest import LINES

MINUTE = timedelta(minutes=1)


class Story:
    """Runs of many tasks, a few of which end each minute; counts what Batch is asked."""

    def __init__(self, app, uploads: int = 1) -> None:
        self.app, self.calls = app, Injector()
        for number in range(uploads):
            app.upload(f"lines/{number}.txt", b"line\n" * 40)
        app.pump()
        batch = app.world.batch
        self._tasks = [(job, task) for job in batch.jobs for task in batch.active(job)]
        app.through(self.calls.ports(app.world.ports))

    def minute(self, ended: int) -> Counter[str]:
        """Let a minute pass, in which so many tasks end, and sweep; return the calls of Batch."""
        execute = self.app.world.node(self.app.program)
        for job, task in self._tasks[:ended]:
            self.app.world.batch.run_task(job, task, execute)
        del self._tasks[:ended]
        self.app.pump()
        self.app.world.clock.advance(MINUTE)
        self.calls.trace.clear()
        timers.every_minute(self.app.engine)
        asked = [call.verb for call in self.calls.trace if call.port in ("jobs", "cluster")]
        return Counter(verb for verb in asked if verb != "push_formula")


@pytest.fixture
def story(app_with):
    story = Story(app_with(LINES))
    for _ in range(3):
        story.minute(1)
    return story


def test_about_a_run_that_moves_batch_is_asked_every_ten_minutes(story):
    asked = [story.minute(1).total() for _ in range(20)]
    assert sum(number > 0 for number in asked) == 2
    assert sum(asked) <= 2 * 4


def test_a_run_that_stops_moving_is_looked_at_by_the_next_sweep(story):
    assert story.minute(1).total() == 0
    assert story.minute(0)["job"] == 1


def test_a_run_that_moves_ends_at_its_time_limit(story):
    run = story.app.only_run()
    story.app.world.clock.advance(run.deadline - story.app.world.clock.now())
    story.minute(1)
    assert story.app.only_run().cause == "run-timed-out"


def test_a_sweep_asks_about_a_pool_once(app_with):
    story = Story(app_with(LINES), uploads=3)
    story.minute(0)
    asked = story.minute(0)
    assert (asked["job"], asked["pool"]) == (3, 1)
