"""Makes the pages of a plan: the items, in bundles, with their files."""

from collections.abc import Iterable, Iterator

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans import bundle
from pipeline.domain.plans.plan import Page, PlannedInput, PlannedItem, PlannedProgram, PlannedTask
from pipeline.domain.plans.split import Item, PlanError, Scalar
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting import gather
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning.splits import Work, shared_inputs, split
from pipeline.handlers.running import executions, scripts, stages
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
        if facts is None and run.input.snapshot:
            raise NotFound(f"The snapshot of {run.input.name!a} is gone.")
        given = dict(definition.parameters_in(facts.metadata)) if facts else {}
    return definition.resolve_parameters(given)


def plan_pages(engine: Engine, run: Run) -> Iterator[Page] | OnNode:
    """Plan a generation page by page, or return OnNode while a split program works on it.

    Raises PlanError and other Permanent errors, at the call or after some pages.
    """
    definition = engine.definition(run)
    work = _remaining(engine, run) if run.earlier else split(engine, run, definition)
    return work if isinstance(work, OnNode) else _pages(engine, run, definition, work)


def _pages(engine: Engine, run: Run, definition: Pipeline, work: Work) -> Iterator[Page]:
    shared = shared_inputs(engine, run)
    tasks = (
        _planned(run, number, bundled, shared)
        for number, bundled in enumerate(bundle.bundles(work, definition.bundle.items))
    )
    for number, group in enumerate(bundle.pages(tasks)):
        yield Page(
            run=run.id,
            generation=run.generation,
            page=number,
            program=program_of(definition),
            item_timeout_s=definition.limits.item.total_seconds(),
            tries=stages.tries(definition),
            inputs=shared,
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
    )


def _planned(
    run: Run,
    number: int,
    bundled: Iterable[tuple[Item, tuple[PlannedInput, ...]]],
    shared: Iterable[PlannedInput],
) -> PlannedTask:
    inputs: list[PlannedInput] = []
    items: list[PlannedItem] = []
    for item, own in bundled:
        inputs += own
        files = tuple(blob.file for blob in (own or shared))
        given = {**run.parameters, **item.parameters}
        items.append(PlannedItem(id=item.id, inputs=files, parameters=given))
    return PlannedTask(number=number, inputs=tuple(inputs), items=tuple(items))


def _remaining(engine: Engine, run: Run) -> Work:
    """Yield the items of the last plan that did not succeed; a redrive executes these."""
    last = run.earlier[-1]
    done = gather.gather(engine, run).parts.keys()
    for number in range(last.plan.pages):
        page, _ = executions.read_page(engine, last.plan.folder, number)
        for task in page.tasks:
            by_file = {blob.file: blob for blob in task.inputs}
            for item in task.items:
                if item.id not in done:
                    own = tuple(by_file[file] for file in item.inputs if file in by_file)
                    yield Item(item.id, item.parameters), own
