"""Every verb call of every story: crashed before, crashed after, and made twice."""

import functools

import pytest

from tests.crash.invariants import check_scenario, watch
from tests.crash.scenarios import SCENARIOS
from tests.fakes.crash import Injector

WHENS = ("before", "after", "twice")


def told(name: str, injector: Injector) -> None:
    """Tell a story through an injector and check how it ends."""
    scenario = SCENARIOS[name]
    app = scenario.app()
    written = watch(app)
    app.through(injector.ports(app.world.ports))
    scenario.story(app)
    check_scenario(app, scenario, written)


@functools.cache
def calls(name: str) -> list[tuple[str, str, int]]:
    """Record which verbs a story calls, and how often; sorted, since some calls run in threads."""
    injector, scenario = Injector(), SCENARIOS[name]
    app = scenario.app()
    app.through(injector.ports(app.world.ports))
    scenario.story(app)
    return sorted((call.port, call.verb, call.nth) for call in injector.trace)


CASES = [
    pytest.param(name, call, when, id=f"{name}-{call[0]}.{call[1]}-{call[2]}-{when}")
    for name in SCENARIOS
    for call in calls(name)
    for when in WHENS
]


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_story_ends_well_undisturbed(name):
    told(name, Injector())


@pytest.mark.parametrize(("name", "call", "when"), CASES)
def test_a_story_ends_well_whatever_one_call_does(name, call, when):
    told(name, Injector(call, when))


def test_the_matrix_is_large():
    assert len(CASES) >= 500
