"""Every call of every story crashes before its effect, crashes after it, and is made twice."""

import pytest

from pipeline.ports.world import Ports
from tests.crash.invariants import check_scenario, watch
from tests.crash.scenarios import SCENARIOS
from tests.crash.trace import calls, disturbed
from tests.fakes.crash import Injector

CASES = [
    pytest.param(name, call, when, id=f"{name}-{call[0]}.{call[1]}-{call[2]}-{when}")
    for name in SCENARIOS
    for call, when in disturbed(name)
]


def tell(name: str, injector: Injector) -> None:
    """Run a story through an injector, and check how it ends."""
    scenario = SCENARIOS[name]
    app = scenario.app()
    written = watch(app)
    app.through(injector.ports(app.world.ports))
    scenario.story(app)
    check_scenario(app, scenario, written)


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_story_ends_well_undisturbed(name):
    tell(name, Injector())


@pytest.mark.parametrize(("name", "call", "when"), CASES)
def test_a_story_ends_well_whatever_one_call_does(name, call, when):
    tell(name, Injector(call, when))


def test_the_matrix_is_large_and_knows_every_verb():
    verbs = {call[:2] for name in SCENARIOS for call in calls(name)}
    known = {
        (port, verb)
        for port, kind in Ports.__annotations__.items()
        if port != "clock"
        for verb in vars(kind)
        if not verb.startswith("_")
    }
    assert len(CASES) >= 2000
    # One read is called only after a failed start task or preparation, the others by people. A
    # signature for an upload changes nothing.
    unused = {
        ("cluster", "last_words"),
        ("cluster", "task_file"),
        ("queues", "peek"),
        ("signer", "creating"),
    }
    assert known - verbs == unused
