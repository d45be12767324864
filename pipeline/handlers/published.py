"""Reads the published plan of a run: a page whole, or only which items its tasks have."""

import hashlib
from dataclasses import dataclass

from pipeline.domain.plans import digests
from pipeline.domain.plans.plan import Page, items_by_task
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import PublishedPlan
from pipeline.errors import NotFound, Permanent
from pipeline.handlers import abreast
from pipeline.handlers.engine import Engine


class PlanSpoiled(Permanent):
    """A page of the plan is not the one that was published."""


@dataclass(frozen=True)
class ReadPage:
    """A page of a plan, the blob that it is in, and its bytes.

    A later release may have written more into them than this one knows.
    """

    page: Page
    blob: BlobRef
    content: bytes


def read_page(
    engine: Engine, plan: PublishedPlan, number: int, expected: "PageDigests | None" = None
) -> ReadPage:
    """Read one page of a plan; who reads many gives the digests. Raises PlanSpoiled."""
    expected = expected or PageDigests(engine, plan)
    content = _content(engine, plan, number, expected.of(number))
    return ReadPage(Page.model_validate_json(content), plan.page(number), content)


class PageDigests:
    """The digests that the pages of a plan must have; the last list that was read is kept."""

    def __init__(self, engine: Engine, plan: PublishedPlan) -> None:
        self._engine, self._plan = engine, plan
        self._place, self._list = -1, b""

    def of(self, number: int) -> str | None:
        """Return that of one page; None for a plan of an older release. Raises PlanSpoiled."""
        plan = self._plan
        if not plan.lists:
            return plan.sha256[number] if plan.sha256 else None
        place, within = divmod(number, digests.PER_LIST)
        ref = naming.plan_part(plan.folder, digests.name(place))
        if place != self._place:
            self._list, self._place = _read(self._engine, ref), place
        digest = digests.of_page(self._list, plan.lists[place], within)
        if digest is None:
            raise PlanSpoiled(_spoiled(ref, "changed"))
        return digest


def _content(engine: Engine, plan: PublishedPlan, number: int, expected: str | None) -> bytes:
    content = _read(engine, plan.page(number))
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise PlanSpoiled(_spoiled(plan.page(number), "changed"))
    return content


def _read(engine: Engine, ref: BlobRef) -> bytes:
    try:
        return engine.ports.blobs.read(ref)
    except NotFound as error:
        raise PlanSpoiled(_spoiled(ref, "deleted")) from error


def _spoiled(part: BlobRef, how: str) -> str:
    return f"The blob {part.name}, a part of the plan, was {how}: start a new run of its input."


def items_of(engine: Engine, plan: PublishedPlan | None, unit: str) -> tuple[int, ...]:
    """Return the ids of a unit's items; a stage program has one item."""
    return PlannedItems(engine, plan).of(unit)


class PlannedItems:
    """The items of a plan's units: by their numbers if they are in order, else read page by page.

    Only the last page is kept: units mostly come in order, and a page may have 10,000 items.
    """

    def __init__(self, engine: Engine, plan: PublishedPlan | None) -> None:
        self._engine, self._plan = engine, plan
        self._digests = PageDigests(engine, plan) if plan else None
        self._page, self._items = -1, dict[int, tuple[int, ...]]()

    def of(self, unit: str) -> tuple[int, ...]:
        """Return the ids of a unit's items; a stage program has one item. Raises PlanSpoiled."""
        number = naming.unit_number(unit)
        if number is None or self._plan is None or self._digests is None:
            return (0,)
        if bundle := self._plan.bundle:
            first = number * bundle
            return tuple(range(first, min(first + bundle, self._plan.items)))
        page = self._plan.page_of(number)
        if self._page != page:
            content = _content(self._engine, self._plan, page, self._digests.of(page))
            self._items, self._page = items_by_task(content), page
        return self._items[number]

    def check_pages(self, tasks: range) -> None:
        """Compare the pages of up to 1,000 tasks with what was published: nodes worked by them.

        Raises PlanSpoiled.
        """
        engine, plan, expected = self._engine, self._plan, self._digests
        if plan is None or expected is None:
            return
        pages = range(plan.page_of(tasks.start), plan.page_of(tasks.stop - 1) + 1)
        wanted = [(number, expected.of(number)) for number in pages]
        for _ in abreast.each(lambda page: _content(engine, plan, *page), wanted):
            pass
