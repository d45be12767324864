"""Subscriptions of a local stack: made once, never twice, and ended."""

import pytest

from pipeline.cli.exits import CommandError
from pipeline.cli.stack.config import COMPLETIONS, TOPIC
from pipeline.cli.subscribing.local import Subscriptions
from pipeline.cli.subscribing.wanted import Filter, Verdict, Wanted
from tests.fakes.events import FakeGrid

HOOK = Wanted("hook", "http://127.0.0.1:8999/")
DESK = Wanted("desk", queue="desk")
FAILED = Filter((), (Verdict.FAILED,))


@pytest.fixture
def grid():
    made = FakeGrid()
    made.create(TOPIC, COMPLETIONS, Wanted(COMPLETIONS, queue=COMPLETIONS).properties())
    return made


@pytest.fixture
def prepared():
    return []


@pytest.fixture
def subscribe(grid, prepared):
    there = Subscriptions(grid, "{} --target data".format)
    return lambda wanted: there.subscribe(wanted, lambda: prepared.append(wanted.target))


def test_the_same_command_twice_changes_nothing(grid, subscribe):
    assert [subscribe(DESK), subscribe(DESK)] == [True, False]
    assert list(grid.subscriptions(TOPIC)) == [COMPLETIONS, "desk"]


def test_a_target_that_was_deleted_is_made_again(subscribe, prepared):
    subscribe(DESK)
    subscribe(DESK)
    assert prepared == ["the queue desk"] * 2


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (Wanted("desk", queue="desk", filter=FAILED), "`fanfare unsubscribe desk --target data`"),
        (Wanted("again", queue="desk"), "The subscription desk .* would come twice"),
        (Wanted(COMPLETIONS, queue=COMPLETIONS, filter=FAILED), "gets all events"),
    ],
)
def test_what_speaks_against_it_is_told_before_anything_is_made(
    grid, subscribe, prepared, wanted, said
):
    subscribe(DESK)
    before, done = dict(grid.held), len(prepared)
    with pytest.raises(CommandError, match=said):
        subscribe(wanted)
    assert (grid.held, len(prepared)) == (before, done)


def test_an_endpoint_without_the_handshake_is_told_what_it_has_to_answer(grid, subscribe):
    grid.silent.add(HOOK.url)
    with pytest.raises(CommandError, match="nothing was made") as caught:
        subscribe(HOOK)
    assert "WebHook-Allowed-Origin: eventgrid.azure.net" in str(caught.value)
    assert grid.find(TOPIC, "hook") is None


def test_a_subscription_ends_and_is_then_unknown(grid, subscribe):
    subscribe(HOOK)
    there = Subscriptions(grid, str)
    there.unsubscribe("hook")
    with pytest.raises(CommandError, match=r"no subscription hook \(there are: completions"):
        there.unsubscribe("hook")


def test_the_own_subscription_of_the_stack_stays(grid):
    with pytest.raises(CommandError, match="the local stack's own"):
        Subscriptions(grid, str).unsubscribe(COMPLETIONS)
    assert grid.find(TOPIC, COMPLETIONS)
