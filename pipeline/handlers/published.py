"""Reads the published plan of a run: a page whole, or only which items its tasks have."""

import hashlib
from dataclasses import dataclass

from pipeline.domain.plans import digests
from pipeline.domain.plans.bundle import PAGE_SIZE
from pipeline.domain.plans.plan import Page, items_by_task
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import PublishedPlan
from pipeline.errors import NotFound, Permanent
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


def read_page(engine: Engine, plan: PublishedPlan, number: int) -> ReadPage:
    """Read one page of a plan. Raises PlanSpoiled."""
    content = _content(engine, plan, number)
    return ReadPage(Page.model_validate_json(content), plan.page(number), content)


def check_pages(engine: Engine, plan: PublishedPlan) -> None:
    """Compare all pages with what was published: nodes worked by them. Raises PlanSpoiled."""
    for number in range(plan.pages):
        _content(engine, plan, number)


def _content(engine: Engine, plan: PublishedPlan, number: int) -> bytes:
    ref = plan.page(number)
    try:
        content = engine.ports.blobs.read(ref)
    except NotFound as error:
        raise PlanSpoiled(_spoiled(ref, "deleted")) from error
    expected = _digest(engine, plan, number)
    if expected and hashlib.sha256(content).hexdigest() != expected:
        raise PlanSpoiled(_spoiled(ref, "changed"))
    return content


def _digest(engine: Engine, plan: PublishedPlan, number: int) -> str | None:
    """Return the digest that a page must have; None for a plan of an older release."""
    if not plan.lists:
        return plan.sha256[number] if plan.sha256 else None
    place, within = divmod(number, digests.PER_LIST)
    ref = naming.plan_part(plan.folder, digests.name(place))
    try:
        content = engine.ports.blobs.read(ref)
    except NotFound as error:
        raise PlanSpoiled(_spoiled(ref, "deleted")) from error
    digest = digests.of_page(content, plan.lists[place], within)
    if digest is None:
        raise PlanSpoiled(_spoiled(ref, "changed"))
    return digest


def _spoiled(part: BlobRef, how: str) -> str:
    return f"The blob {part.name}, a part of the plan, was {how}: start a new run of its input."


def items_of(engine: Engine, plan: PublishedPlan | None, unit: str) -> tuple[int, ...]:
    """Return the ids of a unit's items; a stage program has one item."""
    return PlannedItems(engine, plan).of(unit)


class PlannedItems:
    """The items of a plan's units: by their numbers if they are in order, else read page by page.

    Only the last page is kept: units mostly come in order, and a page may have 100,000 items.
    """

    def __init__(self, engine: Engine, plan: PublishedPlan | None) -> None:
        self._engine, self._plan = engine, plan
        self._page, self._items = -1, dict[int, tuple[int, ...]]()

    def of(self, unit: str) -> tuple[int, ...]:
        """Return the ids of a unit's items; a stage program has one item. Raises PlanSpoiled."""
        number = naming.unit_number(unit)
        if number is None or self._plan is None:
            return (0,)
        if bundle := self._plan.bundle:
            first = number * bundle
            return tuple(range(first, min(first + bundle, self._plan.items)))
        if self._page != number // PAGE_SIZE:
            content = _content(self._engine, self._plan, number // PAGE_SIZE)
            self._items, self._page = items_by_task(content), number // PAGE_SIZE
        return self._items[number]
