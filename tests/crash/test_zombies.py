"""Invocations that stop at any verb call and go on when everything else is over: none may harm."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from pipeline.domain.run import Run
from pipeline.handlers import steer
from tests.crash.invariants import check, check_scenario, verdicts_of, watch
from tests.crash.scenarios import SCENARIOS
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector

STORIES = ("lines", "tolerated", "programs", "redriven", "unlucky", "outputs-lost", "request")


@dataclass
class Pause(Injector):
    """Stops one invocation before a call until the rest of the world has gone on."""

    meanwhile: Callable[[], None] = field(default=lambda: None)
    paused: bool = False

    def call(self, port: str, verb: str, made: Callable[[], object]) -> object:
        """Make one call; before the one that was named, let everything else happen."""
        if self._record(port, verb) and not self.paused:
            self.paused = True
            self.meanwhile()
        return made()


def ends(app: FakeApp) -> None:
    app.settle()


def is_cancelled(app: FakeApp) -> None:
    for run in app.all_runs():
        if not run.over:
            app.insist(lambda run=run: steer.cancel(app.engine, run.id))
    app.settle()


def times_out(app: FakeApp) -> None:
    app.pass_time(timedelta(hours=7))
    app.settle()


def is_redriven(app: FakeApp) -> None:
    is_cancelled(app)
    for run in app.all_runs():
        app.insist(lambda run=run: steer.redrive(app.engine, run.id))
    app.settle()


@functools.cache
def calls(name: str) -> list[tuple[str, str, int]]:
    """Record which calls of a story may be the place where an invocation stops."""
    injector, scenario = Injector(), SCENARIOS[name]
    app = scenario.app()
    app.through(injector.ports(app.world.ports))
    scenario.story(app)
    return sorted((call.port, call.verb, call.nth) for call in injector.trace)


CASES = [
    pytest.param(name, call, then, id=f"{name}-{call[0]}.{call[1]}-{call[2]}-{then.__name__}")
    for name in STORIES
    for call in calls(name)
    for then in (ends, is_cancelled, times_out, is_redriven)
]


@pytest.mark.parametrize(("name", "call", "then"), CASES)
def test_an_invocation_that_goes_on_late_changes_nothing(name, call, then):
    scenario = SCENARIOS[name]
    app = scenario.app()
    written, before = watch(app), {}

    def meanwhile() -> None:
        then(app)
        before.update(verdicts(app))

    pause = Pause(call, meanwhile=meanwhile)
    app.through(pause.ports(app.world.ports))
    scenario.story(app)
    assert pause.paused
    if then is ends:
        check_scenario(app, scenario, written)
    check(app, written)
    after = verdicts(app)
    assert {key: after.get(key) for key in before} == before


def verdicts(app: FakeApp) -> dict[tuple[str, int], tuple[object, ...]]:
    """Return what each generation that is over came to."""
    return {
        (run.id, generation): (verdict, *_counted(run, generation))
        for run in app.all_runs()
        for generation, verdict in verdicts_of(app, run).items()
    }


def _counted(run: Run, generation: int) -> tuple[object, ...]:
    if generation != run.generation:
        return ()
    return run.succeeded, run.failed, run.output, run.ended_at
