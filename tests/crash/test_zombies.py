"""Invocations that pause at a call and continue when all else is over: they must do no harm."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from pipeline.domain.runs.run import Run
from pipeline.handlers.ending import steer
from tests.crash.invariants import check, check_scenario, watch
from tests.crash.scenarios import SCENARIOS
from tests.crash.trace import EVERY_CALL, Where, calls, writes
from tests.depth import more
from tests.fakes.app import FakeApp
from tests.fakes.crash import Injector

GO_ON = ("lines", "programs", "redriven", "unlucky", "outputs-lost", "request", "secrets", "sliced")
GO_ON += ("lines-hop-by-hop",)
ENDED = ("lines", "programs", "unlucky", *more((), ("secrets",)))


@dataclass
class Pause(Injector):
    """Pauses one invocation before a call until everything else has happened."""

    meanwhile: Callable[[], None] = field(default=lambda: None)
    paused: bool = False

    def call(self, port: str, verb: str, made: Callable[[], object]) -> object:
        """Make one call; before the named call, let everything else happen."""
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


def points(name: str, then: Callable[[FakeApp], None]) -> tuple[Where, ...]:
    """Choose where an invocation pauses: between reads as well, if nothing else is disturbed."""
    return calls(name) if then is ends and name in EVERY_CALL else writes(name)


CASES = [
    pytest.param(name, call, then, id=f"{name}-{call[0]}.{call[1]}-{call[2]}-{then.__name__}")
    for then in (ends, is_cancelled, times_out, is_redriven)
    for name in (GO_ON if then is ends else ENDED)
    for call in points(name, then)
]


@pytest.mark.parametrize(("name", "call", "then"), CASES)
def test_an_invocation_that_continues_late_changes_nothing(name, call, then):
    scenario = SCENARIOS[name]
    app = scenario.app()
    written = watch(app)
    before: dict[str, Run] = {}

    def meanwhile() -> None:
        then(app)
        before.update({run.id: run for run in app.all_runs() if run.over})

    pause = Pause(call, meanwhile=meanwhile)
    app.through(pause.ports(app.world.ports))
    scenario.story(app)
    assert pause.paused
    if then is ends:
        check_scenario(app, scenario, written)
    check(app, written)
    after = {run.id: run for run in app.all_runs()}
    for run in before.values():
        assert after[run.id] == run or after[run.id].generation > run.generation
