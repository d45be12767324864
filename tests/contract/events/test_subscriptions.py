"""What the command line relies on in the event subscriptions of a local stack."""

import json

import pytest

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.grid import EventGrid, Refused
from pipeline.cli.subscribing.wanted import Filter, Verdict, Wanted
from tests.emulators.eventgrid.receiver import receiving
from tests.emulators.storage.processes import KEY, running
from tests.fakes.events import FakeGrid

TOPIC = "runs"
ONLY = Filter(("render", "shout"), (Verdict.FAILED,))
DESK = Wanted("desk", queue="desk", filter=ONLY)


def flags(folder):
    config = {"topics": [{"name": TOPIC, "inputSchema": "CloudEventSchemaV1_0"}]}
    (folder / "config.json").write_text(json.dumps(config))
    return ["--data", str(folder / "data"), "--config", str(folder / "config.json")]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with running("eventgrid", *flags(tmp_path_factory.mktemp("grid"))) as emulator:
        yield EventGrid(emulator.ready["endpoint"], KEY)


@pytest.fixture(params=["fake", "service"])
def grid(request):
    made = FakeGrid() if request.param == "fake" else request.getfixturevalue("service")
    yield made
    for name in made.subscriptions(TOPIC):
        made.delete(TOPIC, name)


def test_a_subscription_is_found_again_as_it_was_asked_for(grid):
    grid.create(TOPIC, "desk", DESK.properties())
    assert grid.find(TOPIC, "desk") == DESK.properties()
    assert grid.subscriptions(TOPIC) == {"desk": DESK.properties()}
    assert (grid.find(TOPIC, "shop"), grid.subscriptions("other")) == (None, {})


def test_a_subscription_is_deleted_once(grid):
    grid.create(TOPIC, "desk", DESK.properties())
    assert [grid.delete(TOPIC, "desk") for _ in range(2)] == [True, False]
    assert grid.subscriptions(TOPIC) == {}


def test_an_endpoint_that_does_not_take_events_is_refused(grid):
    with receiving() as receiver:
        receiver.echo = False
        if isinstance(grid, FakeGrid):
            grid.silent.add(receiver.url)
        with pytest.raises(Refused, match="the handshake failed"):
            grid.create(TOPIC, "hook", Wanted("hook", receiver.url).properties())
    assert grid.subscriptions(TOPIC) == {}


def test_an_endpoint_is_asked_as_cloud_events_want_it(service):
    with receiving() as receiver:
        service.create(TOPIC, "hook", Wanted("hook", receiver.url).properties())
    assert service.delete(TOPIC, "hook")
    assert receiver.shaken.empty()  # that of the Event Grid schema


def test_a_subscription_outlives_a_restart(tmp_path):
    for first in (True, False):
        with running("eventgrid", *flags(tmp_path)) as emulator:
            grid = EventGrid(emulator.ready["endpoint"], KEY)
            if first:
                grid.create(TOPIC, "desk", DESK.properties())
            assert grid.find(TOPIC, "desk") == DESK.properties()


def test_a_service_that_is_away_is_told_with_what_mends_it():
    with pytest.raises(CommandError, match="`fanfare up` mends the stack") as caught:
        EventGrid("http://127.0.0.1:9", KEY).subscriptions(TOPIC)
    assert caught.value.code is Exit.UNREACHABLE
