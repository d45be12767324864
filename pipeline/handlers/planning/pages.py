"""Makes the pages of a plan: the items, in bundles, with their files."""

from collections.abc import Iterable, Iterator

from pipeline.domain.definitions import delivered
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.plans import bundle
from pipeline.domain.plans.arguments import check_arguments
from pipeline.domain.plans.plan import (
    Delivery,
    Page,
    PlannedInput,
    PlannedItem,
    PlannedLimits,
    PlannedProgram,
    PlannedTask,
)
from pipeline.domain.plans.split import Item, PlanError, Scalar
from pipeline.domain.runs.run import PublishedPlan, Run
from pipeline.errors import NotFound
from pipeline.handlers import published
from pipeline.handlers.collecting import gather
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.planning.splits import split
from pipeline.handlers.planning.work import Work
from pipeline.handlers.running import images, scripts, stages
from pipeline.handlers.running.stages import OnNode

MAX_DEPTH = 8
PACKED = 1 << 20  # bytes of the largest output that shares a blob with others
_REMEDY = "make the parameters shorter, or put what they say into a file"
_REMEDIES = {"lines": "take {lines_file}, which is a file, or use fewer lines_per_item"}


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
        if facts is None and run.input.snapshot:
            raise NotFound(f"The snapshot of {run.input.name!a} is gone.")
        metadata = facts.metadata if facts else {}
        given = dict(definition.parameters_in(run.input.ref, metadata))
    return definition.resolve_parameters(given)


def plan_pages(engine: Engine, run: Run) -> Iterator[Page] | OnNode:
    """Plan a generation page by page, or return OnNode while a split program works on it.

    Raises PlanError and other Permanent errors, at the call or after some pages.
    """
    definition = engine.definition(run)
    work = _remaining(engine, run) if run.earlier else split(engine, run, definition)
    return work if isinstance(work, OnNode) else _pages(engine, run, definition, work)


def _pages(engine: Engine, run: Run, definition: Pipeline, work: Work) -> Iterator[Page]:
    size = run.input.size if run.input else 0
    delivery = delivered.chosen(definition, size, work.cut)
    if delivery in {Delivery.NODE, Delivery.RANGE} and not scripts.fetches(run):
        delivery = Delivery.TASK  # an older release began the run, and its runner knows no other
    delivered.check_disk(definition, delivery, size, engine.catalogue.pools.get(run.pool))
    shared = inputs.shared(engine, run, delivery)
    tasks = (
        _planned(run, definition, number, bundled, shared)
        for number, bundled in enumerate(bundle.bundles(work.items, definition.bundle.items))
    )
    for number, group in enumerate(bundle.pages(tasks)):
        yield Page(
            run=run.id,
            generation=run.generation,
            page=number,
            program=images.pinned(run, program_of(definition)),
            item_timeout_s=definition.limits.item.total_seconds(),
            require_output=definition.task.require_output,
            output_limits=PlannedLimits(
                files=definition.limits.outputs.files,
                bytes=definition.limits.outputs.bytes,
                seconds=definition.limits.outputs.time.total_seconds(),
            ),
            tries=stages.tries(definition),
            pack=PACKED if definition.bundle.pack else 0,
            inputs=shared,
            cut=work.cut,
            tasks=group,
        )


def program_of(definition: Pipeline) -> PlannedProgram:
    """Return the program that the runner starts for each item."""
    task = definition.task
    return PlannedProgram(
        file=task.program,
        command=task.command,
        arguments=task.arguments,
        environment=scripts.requirements(task.environment),
        image=task.image,
        python=task.interpreter,
        shared_memory=task.shared_memory,
        gpu=task.gpu,
        secrets=tuple(task.secrets),
    )


def _planned(
    run: Run,
    definition: Pipeline,
    number: int,
    bundled: Iterable[tuple[Item, tuple[PlannedInput, ...]]],
    shared: Iterable[PlannedInput],
) -> PlannedTask:
    task, remedy = definition.task, _REMEDIES.get(definition.split.kind, _REMEDY)
    arguments = (*(task.command or ()), *task.arguments)
    blobs: list[PlannedInput] = []
    items: list[PlannedItem] = []
    for item, own in bundled:
        blobs += own
        files = tuple(blob.file for blob in (own or shared) if blob.delivery != Delivery.URL)
        given = {**run.parameters, **item.parameters}
        check_arguments(item.id, given, arguments, remedy)
        items.append(PlannedItem(id=item.id, inputs=files, spans=item.spans, parameters=given))
    return PlannedTask(number=number, inputs=tuple(blobs), items=tuple(items))


def _remaining(engine: Engine, run: Run) -> Work:
    """Return the items of the last plan that did not succeed; a redrive executes these."""
    last = run.earlier[-1].plan
    done = gather.gather(engine, run).ends
    cut = published.read_page(engine, last, 0).page.cut if last.pages else None
    return Work(_undone(engine, last, done), cut)


def _undone(
    engine: Engine, last: PublishedPlan, done: ItemEnds
) -> Iterator[tuple[Item, tuple[PlannedInput, ...]]]:
    for number in range(last.pages):
        for task in published.read_page(engine, last, number).page.tasks:
            by_file = {blob.file: blob for blob in task.inputs}
            for item in task.items:
                if not done.succeeded(item.id):
                    own = tuple(by_file[file] for file in item.inputs if file in by_file)
                    yield Item(item.id, item.parameters, spans=item.spans), own
