"""Upgrade and rollback are rehearsed on a stack whose runs are in the midst of their work."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import ObstacleCode
from pipeline.handlers.ending import steer
from tests.depth import EVERYTHING
from tests.e2e.upgrading.fleet import (
    NEWER,
    PIPELINES,
    PROGRAM,
    Fleet,
    Member,
    check_events,
    ended_well,
    has_output,
    load,
    uploaded,
)
from tests.e2e.upgrading.releases import Deployed, earlier, later, present, with_definitions
from tests.patience import stretched, until

pytestmark = pytest.mark.timeout(400)


def app_of(release: Callable[[Path], Path], folder: Path, **also: str) -> Path:
    """Make the app of a release, with the pipelines of these tests."""
    app = release(folder / release.__name__)
    return with_definitions(app, PIPELINES | also, {"hold.py": PROGRAM})


@contextmanager
def running(folder: Path, app: Path, **settings: str) -> Iterator[Deployed]:
    (folder / "stack").mkdir()
    stack = Deployed(folder / "stack", app, **settings)
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


# `tests/compatibility` takes every moment that release 0.1.0 kept to its end, in memory.
@pytest.mark.skipif(not EVERYTHING, reason="`make test-all` upgrades release 0.1.0 on a stack")
def test_the_present_release_finishes_what_release_0_1_0_began(tmp_path):
    old, new = app_of(earlier, tmp_path), app_of(present, tmp_path)
    with running(tmp_path, old) as stack:
        stack.provision_earlier(old)
        began = Fleet.started(stack, tmp_path / "began")
        stack.deploy(new)
        began.go_on()
        began.end_well()
        after = Fleet.started(stack, tmp_path / "after")
        after.go_on()
        after.end_well()
        check_events(stack, began, after)


def test_runs_go_on_through_an_upgrade_a_rollback_and_the_upgrade_again(tmp_path):
    now, next_one = app_of(present, tmp_path), app_of(later, tmp_path, **NEWER)
    # Longer than the later release is away: then its definition is left to it.
    patience = {"FANFARE_PATIENCE_STALE_S": str(stretched(120))}
    with running(tmp_path, now, **patience) as stack:
        fleets = [Fleet.started(stack, tmp_path / "first")]
        stack.deploy(next_one)
        fleets[0].go_on()
        fleets[0].end_well()
        fleets.append(Fleet.started(stack, tmp_path / "second"))
        newer = uploaded(stack, "newer", "running", tmp_path / "newer")
        until(lambda: newer.held, 90, "the run of a newer definition to be held")
        stack.deploy(now)
        newer.gate.touch()
        until(lambda: left_alone(stack, newer), 90, "a note", lambda: stack.tell(newer.run))
        fleets[1].go_on()
        fleets[1].end_well()
        stack.deploy(next_one)
        ended_well(stack, newer)
        check_events(stack, *fleets, Fleet(stack, {"newer": newer}))


def left_alone(stack: Deployed, member: Member) -> bool:
    """Return whether a run says that only a later release can read its definition."""
    run = load(stack, member)
    assert not run.over
    return run.obstacle is not None and run.obstacle.code is ObstacleCode.DEFINITION_UNREADABLE


@pytest.mark.skipif(not EVERYTHING, reason="`make test-all` goes back to release 0.1.0")
def test_what_release_0_1_0_spoils_after_a_rollback_ends_well_by_a_redrive(tmp_path):
    """It finds neither plans nor receipts of runs that began later, and may give them up."""
    old, new = app_of(earlier, tmp_path), app_of(present, tmp_path)
    with running(tmp_path, new) as stack:
        stack.provision_earlier(old)
        began = Fleet.started(stack, tmp_path / "began")
        stack.deploy(old)
        began.go_on()
        own = uploaded(stack, "wide", "running", tmp_path / "own")
        own.gate.touch()
        ended_well(stack, own)
        stack.deploy(new)
        for member in began.members.values():
            run, _ = stack.finished(member.run)
            if run.state is State.FAILED:
                steer.redrive(stack.engine, member.run)
            has_output(stack, stack.succeeded(member.run)[0])
