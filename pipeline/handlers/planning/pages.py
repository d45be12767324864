"""Draws the items that a generation has to do, and makes pages of them."""

from collections.abc import Iterator

from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.plans.plan import Page, page_tasks
from pipeline.domain.plans.split import Item, PlanError, Scalar
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.errors import NotFound
from pipeline.handlers import published
from pipeline.handlers.collecting import gather
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.planning.draft import Draft, Template
from pipeline.handlers.planning.splits import split
from pipeline.handlers.planning.work import Bookmark, Drawn, Work
from pipeline.handlers.running.stages import OnNode

MAX_DEPTH = 8


def resolve_parameters(engine: Engine, run: Run) -> dict[str, Scalar]:
    """Resolve the run's parameters from the request or the input's metadata."""
    if run.input and run.input.depth > MAX_DEPTH:
        raise PlanError(
            f"a chain of more than {MAX_DEPTH} runs led to this input, each started by the output "
            "of the one before: look for a cycle, perhaps through a tool beside these pipelines"
        )
    definition, given = engine.definition(run), dict(run.parameters)
    if run.input and not given:
        facts = engine.ports.blobs.head(run.input.ref)
        if facts is None and run.input.pinned:
            raise NotFound(f"The pinned version of {run.input.name!a} is gone.")
        metadata = facts.metadata if facts else {}
        given = dict(definition.parameters_in(run.input.ref, metadata))
    return definition.resolve_parameters(given)


def drawing(
    engine: Engine, run: Run, bookmark: Bookmark, done: ItemEnds | None = None
) -> Work | OnNode:
    """Draw the items of a generation from a bookmark on, or return OnNode for a split program.

    `done` is how items ended in the generations before, if the caller knows. Raises PlanError and
    other Permanent errors, at the call or after some items.
    """
    if run.earlier:
        return _remaining(engine, run, bookmark, done or gather.gather(engine, run).ends)
    return split(engine, run, engine.definition(run), bookmark)


def plan_pages(engine: Engine, run: Run) -> Iterator[Page] | OnNode:
    """Plan a generation page by page, or return OnNode while a split program works on it.

    Raises PlanError and other Permanent errors, at the call or after some pages.
    """
    work = drawing(engine, run, Bookmark())
    return work if isinstance(work, OnNode) else _pages(Template.of(engine, run, work.cut), work)


def _pages(template: Template, work: Work) -> Iterator[Page]:
    draft = Draft(template, page_tasks(template.definition.bundle.items))
    for drawn in inputs.fetched(work.drawn):
        if page := draft.add(drawn):
            yield page
    if page := draft.take():
        yield page


def _remaining(engine: Engine, run: Run, bookmark: Bookmark, done: ItemEnds) -> Work:
    """Return the items of the last plan that did not succeed; a redrive executes these."""
    last = run.earlier[-1].plan
    cut = published.read_page(engine, last, 0).page.cut if last.pages else None
    return Work(_undone(engine, last, done, bookmark), cut)


def _undone(
    engine: Engine, last: PublishedPlan, done: ItemEnds, bookmark: Bookmark
) -> Iterator[Drawn]:
    expected = published.PageDigests(engine, last)
    for number in range(bookmark.at, last.pages):
        yield Drawn(Bookmark(item=bookmark.item, at=number))
        for task in published.read_page(engine, last, number, expected).page.tasks:
            by_file = {blob.file: blob for blob in task.inputs}
            for item in task.items:
                if item.id >= bookmark.item and not done.succeeded(item.id):
                    own = tuple(by_file[file] for file in item.inputs if file in by_file)
                    after = Bookmark(item=item.id + 1, at=number)
                    yield Drawn(after, Item(item.id, item.parameters, spans=item.spans), own)
