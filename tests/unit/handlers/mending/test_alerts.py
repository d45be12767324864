"""Each alert of the log fires on the records of the fault that it is about, and on no other."""

import json
import logging
from collections import Counter

import pytest

from pipeline import bootstrap
from pipeline.domain.health import alerts
from pipeline.domain.runs.messages import Queue
from pipeline.domain.waiting.remedies import MEANINGS, WAIT
from pipeline.domain.waiting.reports import PoolReport, Trouble
from pipeline.domain.waiting.verdicts import FAULTS
from pipeline.errors import Transient
from pipeline.handlers.doors import dispatch, timers
from pipeline.handlers.mending import sweep
from tests.infra.deployment import ROOT

LEVELS = {"Information": logging.INFO, "Warning": logging.WARNING}  # of .NET, as Python's
HOST = json.loads((ROOT / "host.json").read_text("utf-8"))["logging"]["logLevel"]


class Log(logging.Handler):
    """Keeps records as the app writes them, with their fields, from the level of host.json on."""

    def __init__(self):
        super().__init__(LEVELS[level("Function.on_work.User")])
        bootstrap.configure_logging(self)
        self.messages = []

    def emit(self, record):
        self.messages.append(record.getMessage())


def level(category):
    """Return the level from which on the host keeps records of a category: the longest prefix."""
    named = [name for name in HOST if category == name or category.startswith(f"{name}.")]
    return HOST[max(named, key=len)] if named else HOST["default"]


@pytest.fixture
def log():
    logger, handler = logging.getLogger("fanfare"), Log()
    before = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield handler
    logger.removeHandler(handler)
    logger.setLevel(before)


def minutes(app, count):
    for _ in range(count):
        app.world.clock.advance(minutes=1)
        timers.every_minute(app.engine)
        app.pump()


def not_announced(app):
    """The topic refuses events."""
    app.upload("lines/a.txt", b"one\n")
    app.pump()

    def refuse(_event):
        raise Transient("the topic answers 403")

    app.world.events.publish = refuse
    app.run_tasks()
    app.hops = True
    for _ in range(30):
        app.pump()
        minutes(app, 1)


def unrecognised(app):
    """Somebody wrote into a queue."""
    app.world.queues.send(Queue.WORK, "nonsense")
    app.pump()


def does_not_move(app):
    """The messages of a step are lost again and again."""
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    for _ in range(50):
        app.lose("plan")
        app.world.clock.advance(minutes=1)
        sweep.sweep(app.engine)


def timer_has_stopped(app):
    """Ten minutes without a tick, and then an event."""
    timers.every_minute(app.engine)
    app.world.clock.advance(minutes=10)
    event = app.world.blobs.created_event(app.world.blobs.put("input", "other/x", b"").ref)
    dispatch.handle(app.engine, Queue.BLOB_EVENTS, json.dumps(event))


def no_quota(app):
    """The pool gets no node."""
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    (name,) = app.world.batch.pools
    error = Trouble("AccountCoreQuotaReached", "no cores left")
    pool = PoolReport("active", "steady", 0, 2, resize_errors=[error], formula="x")
    app.world.batch.pools[name] = pool
    minutes(app, 20)


SEEDS = {
    "A run is not announced": not_announced,
    "Gave up on a message": unrecognised,
    "A run does not move": does_not_move,
    "The timer has stopped": timer_has_stopped,
    "A run waits for a person": no_quota,
}


def test_each_alert_has_its_fault():
    assert list(SEEDS) == [alert.name for alert in alerts.LOG]


@pytest.mark.parametrize("name", SEEDS)
def test_an_alert_fires_on_its_fault_alone(app_with, log, name):
    SEEDS[name](app_with())
    assert alerts.fired(log.messages) == {name}


def test_a_message_that_reached_its_retry_limit_fires(app_with, log):
    app = app_with()
    app.hops = True
    app.upload("lines/a.txt", b"one\n")
    app.claim()
    for _ in range(3):  # the host gives its message up, and the engine sends it again
        (message,) = app.world.queues.kept(Queue.WORK)
        app.world.queues.forget(Queue.WORK, message.id)
        app.world.queues.send(Queue.WORK.poison, message.body)
        timers.every_minute(app.engine)
    assert app.only_run().cause == "poisoned"
    assert alerts.fired(log.messages) == {"Gave up on a message"}


def test_a_healthy_run_fires_nothing(app_with, log):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.settle()
    assert log.messages and alerts.fired(log.messages) == set()


def test_a_healthy_run_whose_tasks_take_an_hour_fires_nothing(app_with, log):
    app = app_with()
    app.upload("lines/a.txt", b"one\n")
    app.pump()
    minutes(app, 60)
    assert any("Run waits" in message for message in log.messages)
    assert alerts.fired(log.messages) == set()


def test_one_late_step_of_each_of_many_runs_is_no_run_that_does_not_move():
    record = 'Run does not move: the sweep asks again {"run": "job-%s"}'
    assert alerts.fired(record % n for n in "abc") == set()
    assert alerts.fired(record % n for n in "aab") == set()
    assert alerts.fired(record % n for n in "aaa") == {"A run does not move"}


def test_what_needs_a_person_has_a_remedy():
    codes = [code for alert in alerts.LOG for code in alert.obstacles]
    assert set(codes) == FAULTS
    for code in codes:
        meaning = MEANINGS[code]
        assert (meaning.azure or meaning.local) != WAIT, code


def test_sentences_are_found_as_whole_words_whatever_their_case():
    (timer,) = [alert for alert in alerts.LOG if alert.name == "The timer has stopped"]
    assert timer.selects("timer has STOPPED: this invocation does its tick")
    assert not timer.selects("Timer has stoppedX")


def test_the_query_has_each_condition_before_the_name_of_its_alert():
    query = alerts.query()
    places = [query.index(f'{alert.condition()}, "{alert.name}"') for alert in alerts.LOG]
    assert places == sorted(places)
    assert Counter(query)['"'] % 2 == 0
    assert query.count("(") == query.count(")")
    assert 'times >= case(alert == "A run does not move", 3, 1)' in query


def test_no_name_or_sentence_ends_its_quotes():
    texts = [text for alert in alerts.LOG for text in (alert.name, *alert.sentences)]
    assert not [text for text in texts if '"' in text or "\\" in text]
