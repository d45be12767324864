"""The calls of a story: recorded once undisturbed, and reduced to those worth disturbing."""

import functools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pipeline.handlers.assembling import assemblers, copies, copying, lists, staging
from pipeline.handlers.collecting import indexing
from pipeline.handlers.mending import reconcile
from tests.crash.scenarios import SCENARIOS
from tests.depth import more
from tests.fakes.crash import Injector

type Where = tuple[str, str, int]

# A crash around a read equals a crash around the write before or after it: some stories suffice.
EVERY_CALL = more(frozenset({"lines", "programs"}), frozenset(SCENARIOS))
MOST_OF_A_VERB = more(6, 10**9)  # what a verb does later in a story of hours, it did before
READS = frozenset(
    {
        "get",
        "query",
        "head",
        "read",
        "stream",
        "list",
        "list_pages",
        "url",
        "job",
        "failures",
        "pool",
    }
    | {"reading"}
)


FEW_ITEMS, FEW_BYTES = 5, 10


@contextmanager
def small_limits() -> Iterator[None]:
    """Let the smallest outputs pass through the app, and others be copied or joined by Storage.

    Runs of more than five items are gathered and assembled in slices, and the sweep compares more
    than two tasks in slices. A manifest of more than five files has pages, and slices of two files.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(copying, "SMALL", 5)
        patch.setattr(indexing, "FEW", FEW_ITEMS)
        patch.setattr(assemblers, "STREAMED", FEW_BYTES)
        patch.setattr(staging, "_AT_ONCE", 2)
        patch.setattr(reconcile, "AT_ONCE", 2)
        patch.setattr(lists, "MAX_LISTED", FEW_ITEMS)
        patch.setattr(lists, "PER_PAGE", 3)
        patch.setattr(copies, "PER_PAGE", 3)
        patch.setattr(copying, "_SLICE", 2)
        yield


@functools.cache
def calls(name: str) -> tuple[Where, ...]:
    """Record the calls of a story, sorted, since threads make some of them."""
    injector, scenario = Injector(), SCENARIOS[name]
    app = scenario.app()
    app.through(injector.ports(app.world.ports))
    with small_limits():
        scenario.story(app)
    return tuple(sorted((call.port, call.verb, call.nth) for call in injector.trace))


def writes(name: str) -> tuple[Where, ...]:
    """Return the calls of a story that change the world."""
    return tuple(call for call in calls(name) if call[1] not in READS)


def disturbed(name: str) -> list[tuple[Where, str]]:
    """Return which calls of a story the matrix disturbs, and how.

    In some stories it disturbs every call in every way. In the others it disturbs the first call of
    every verb in every way, and the first 6 writes of each after their effect (which is before the
    next) and twice.
    """
    cases = [(call, when) for call in calls(name) for when in ("before", "after", "twice")]
    if name in EVERY_CALL:
        return cases
    kept = {call for call in writes(name) if call[2] <= MOST_OF_A_VERB}
    return [(c, w) for c, w in cases if c[2] == 1 or (c in kept and w != "before")]
