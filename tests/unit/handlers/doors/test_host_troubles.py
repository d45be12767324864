"""What the recorded host does to messages loses nothing and doubles nothing."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from pipeline.domain.runs.messages import Queue, Step
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.errors import Transient
from pipeline.handlers.why import obstacle_to
from tests.crash.programs import work
from tests.fakes.app import echo
from tests.fakes.definitions import written
from tests.unit.handlers.conftest import LINES, PROGRAMS, content_of
from tests.unit.handlers.doors.recorded_host import HostedApp, Trouble

# With a message for each step: plan, submit, assemble, announce.
PLACES = [(Queue.BLOB_EVENTS, 0), *((Queue.WORK, n) for n in range(4)), (Queue.RECEIPTS, 0)]
LONGEST = timedelta(minutes=15)  # ten of hiding, two until the sweep asks, some for the rest


def hosted(text=LINES, does=echo):
    """Make an app that counts how often each item of a stage is executed."""
    executed = Counter()

    def program(item):
        executed[item.page["program"]["file"], item.id] += 1
        return does(item)

    return HostedApp.of(written((("job", text),)), program=program), executed


@pytest.mark.parametrize("hops", [False, True])
@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize(("queue", "spared"), PLACES)
def test_a_trouble_of_the_host_only_delays(queue, spared, trouble, hops):
    app, executed = hosted()
    app.hops = hops or queue is Queue.WORK
    app.spared[trouble, queue] = spared
    began = app.world.clock.now()
    app.ahead[trouble, queue] = 1
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    run = app.only_run()
    assert not app.ahead.total(), "the trouble did not happen"
    assert run.state == "succeeded"
    assert content_of(app, run) == b"0\n1\n2\n"
    assert set(executed.values()) == {1}
    assert len({event["id"] for event in app.world.events.published}) == 1
    assert run.ended_at - began <= LONGEST
    assert app.world.queues.total() == 0


@pytest.mark.parametrize("trouble", Trouble)
@pytest.mark.parametrize("spared", [0, 1])
@pytest.mark.parametrize("queue", [Queue.WORK, Queue.RECEIPTS])
@pytest.mark.parametrize("hops", [False, True])
def test_a_trouble_of_the_host_only_delays_programs_of_stages(queue, spared, trouble, hops):
    app, executed = hosted(PROGRAMS, work)
    app.hops = hops or queue is Queue.WORK
    app.ahead[trouble, queue], app.spared[trouble, queue] = 1, spared
    app.upload("lines/a.bin", b"x")
    app.settle()
    assert not app.ahead.total(), "the trouble did not happen"
    assert (app.only_run().state, content_of(app, app.only_run())) == ("succeeded", b"0\n1\n")
    assert set(executed.values()) == {1}


@pytest.mark.parametrize("spared", range(4))
def test_a_step_that_was_done_is_not_blamed_for_a_host_that_dies_on_deletions(spared):
    app, executed = hosted()
    app.hops = True
    app.ahead[Trouble.SETTLE_DENIED, Queue.WORK] = 5
    app.spared[Trouble.SETTLE_DENIED, Queue.WORK] = spared
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    run = app.only_run()
    assert (run.state, app.deaths) == ("succeeded", 5)
    assert set(executed.values()) == {1}
    assert len({event["id"] for event in app.world.events.published}) == 1


@pytest.mark.parametrize(("queue", "spared"), PLACES)
def test_a_worker_that_dies_for_some_minutes_only_delays(queue, spared):
    app, executed = hosted()
    app.hops = queue is Queue.WORK
    app.spared[Trouble.WORKER_DIES, queue] = spared
    app.ahead[Trouble.WORKER_DIES, queue] = 7
    app.upload("lines/a.txt", b"one\ntwo\nthree\n")
    app.settle()
    assert app.only_run().state == "succeeded"
    assert set(executed.values()) == {1}


def test_a_run_that_ends_its_worker_each_time_takes_no_other_run_along():
    app, _ = hosted()
    for number in range(8):
        app.upload(f"lines/{number}.txt", b"one\n")
    app.claim()
    guilty = app.all_runs()[0].id
    app.guilty = lambda body: f'"run":"{guilty}"' in body
    app.settle()
    ends = {run.id: (run.state, run.cause) for run in app.all_runs()}
    assert ends.pop(guilty) == ("failed", "poisoned")
    assert set(ends.values()) == {("succeeded", None)}


def test_a_step_whose_message_is_hidden_says_since_when_and_until_when():
    app, _ = hosted()
    app.ahead[Trouble.RECEIVE_CUT, Queue.WORK] = 1
    app.upload("lines/a.txt", b"one\n")
    app.hops = True
    app.pump()
    queued = "claimed: in the queue of its next step"
    assert obstacle_to(app.engine, app.only_run()).evidence == queued
    for _ in range(3):
        app.pass_time()
    found = obstacle_to(app.engine, app.only_run())
    assert found.code is ObstacleCode.STEP_QUEUED
    assert found.evidence == (
        f"{queued} since 10:00:00 UTC; if an instance ended with it, "
        "it is asked for again after 10:12:00 UTC"
    )
    assert app.only_run().obstacle == found
    app.settle()
    assert app.only_run().state == "succeeded"


class Refusing:
    """Queues that take no message, or none for one step, for some minutes."""

    def __init__(self, app, minutes, step=""):
        self._real, self._clock, self._step = app.world.queues, app.world.clock, step
        self._until = self._clock.now() + timedelta(minutes=minutes)

    def __getattr__(self, name):
        return getattr(self._real, name)

    def send(self, queue, body, *args):
        if self._step in body and self._clock.now() < self._until:
            raise Transient("403: the role has not spread")
        return self._real.send(queue, body, *args)


@pytest.mark.parametrize("hops", [False, True])
@pytest.mark.parametrize("minutes", [2, 15])
@pytest.mark.parametrize("step", [Step.PLAN, Step.SUBMIT, Step.ASSEMBLE, Step.ANNOUNCE])
def test_a_queue_that_takes_no_message_only_delays(step, minutes, hops):
    """A step cannot even be put back then, so the host gives its message up."""
    app, executed = hosted()
    app.hops = hops
    app.upload("lines/a.txt", b"one\ntwo\n")
    app.through(replace(app.world.ports, queues=Refusing(app, minutes, step)))
    app.settle()
    assert app.only_run().state == "succeeded"
    assert set(executed.values()) == {1}


def test_a_message_that_cannot_be_sent_again_stays_in_its_poison_queue():
    app, _ = hosted()
    app.ahead[Trouble.WORKER_DIES, Queue.BLOB_EVENTS] = 5
    app.upload("lines/a.txt", b"one\n")
    app.through(replace(app.world.ports, queues=Refusing(app, 20)))
    app.settle()
    assert app.only_run().state == "succeeded"
