"""Makes the pages of a plan: what is to be done, in which bundles, with which files.

The split is a table; each entry reads what its kind needs and hands the decision to the domain.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.bundle import bundles
from pipeline.domain.plans.bundle import pages as paged
from pipeline.domain.plans.mp4 import frame_count
from pipeline.domain.plans.plan import Page, PlannedInput, PlannedItem, PlannedProgram, PlannedTask
from pipeline.domain.plans.split import (
    Item,
    PlanError,
    Scalar,
    check_count,
    items_from_program,
    split_blobs,
    split_frames,
    split_grid,
    split_lines,
    split_range,
    split_whole,
)
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Input, Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting import gather
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import executions, scripts, stages
from pipeline.ports.blobs import BlobFacts

MAX_TEXT = 256 << 20
MAX_DEPTH = 8
MAX_ITEMS_JSON = 64 << 20


# An item, and the blobs that only it needs.
type Work = Iterator[tuple[Item, tuple[PlannedInput, ...]]]


def parameters(engine: Engine, run: Run) -> dict[str, Scalar]:
    """Resolve the run's parameters from the request or the input's metadata."""
    if run.input and run.input.depth > MAX_DEPTH:
        raise PlanError(
            f"{MAX_DEPTH} runs in a chain led to this input, each by the output of the one before: "
            "look for a cycle, perhaps through a tool beside these pipelines"
        )
    definition, given = engine.definition(run), dict(run.parameters)
    if run.input and not given:
        facts = engine.ports.blobs.head(run.input.ref)
        if facts is None and run.input.snapshot:
            raise NotFound(f"The snapshot of {run.input.name!a} is gone.")
        given = dict(definition.parameters_in(facts.metadata)) if facts else {}
    return definition.resolve_parameters(given)


def pages(engine: Engine, run: Run) -> Iterator[Page] | None:
    """Plan a generation, page by page; None while a split program works on it.

    Raises PlanError and its kin, at once or where it is met: of a plan that cannot be made, pages
    may have come before.
    """
    definition = engine.definition(run)
    work = _remaining(engine, run) if run.earlier else _split(engine, run, definition)
    if work is None:
        return None
    shared = _shared_inputs(engine, run)
    tasks = (
        _planned(run, number, bundled, shared)
        for number, bundled in enumerate(bundles(work, definition.bundle.items))
    )
    return (
        Page(
            run=run.id,
            generation=run.generation,
            page=number,
            program=program_of(definition),
            item_timeout_s=definition.limits.item.total_seconds(),
            tries=stages.tries(definition),
            inputs=shared,
            tasks=group,
        )
        for number, group in enumerate(paged(tasks))
    )


def program_of(definition: Pipeline) -> PlannedProgram:
    """Return what the runner runs once an item."""
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


def _shared_inputs(engine: Engine, run: Run) -> tuple[PlannedInput, ...]:
    return (planned_input(engine, run.input),) if run.input else ()


def planned_input(engine: Engine, source: Input) -> PlannedInput:
    """Describe the run's input, as it was pinned, for a node."""
    file = naming.local_input_name("input", source.name)
    url = engine.ports.blobs.url(source.ref)
    return PlannedInput(file=file, name=source.name, url=url, size=source.size)


def _split(engine: Engine, run: Run, definition: Pipeline) -> Work | None:
    if definition.split.needs_input and run.input is None:
        raise PlanError(f"split {definition.split.kind} works on an input blob; this run has none")
    return _SPLITS[definition.split.kind](engine, run, definition)


def _blobs(engine: Engine, run: Run, definition: Pipeline) -> Work:
    split = definition.split.blobs
    if split is None or split.container is None:
        return _alike(split_whole())
    prefix = split.resolved_prefix(run.parameters)
    found = [
        facts
        for facts in engine.ports.blobs.list(split.container, prefix)
        if facts.size > 0 and split.matches(facts.ref.name)
    ]
    check_count(len(found))
    items = split_blobs(facts.ref.name for facts in found)
    return ((item, (_pin(engine, item, found[item.id]),)) for item in items)


def _pin(engine: Engine, item: Item, facts: BlobFacts) -> PlannedInput:
    pinned = engine.ports.writer.snapshot(facts.ref, facts.etag)
    return PlannedInput(
        file=naming.local_input_name(str(item.id), facts.ref.name),
        name=facts.ref.name,
        url=engine.ports.blobs.url(pinned),
        size=facts.size,
    )


def _alike(items: Iterable[Item]) -> Work:
    """Items that all work on the run's input."""
    return ((item, ()) for item in items)


def _range(_engine: Engine, run: Run, definition: Pipeline) -> Work:
    assert definition.split.range is not None  # noqa: S101 - the table is keyed by kind
    return _alike(split_range(*definition.split.range.resolved(run.parameters)))


def _frames(engine: Engine, run: Run, definition: Pipeline) -> Work:
    assert definition.split.frames is not None  # noqa: S101 - the table is keyed by kind
    ref, size = _pinned(run)

    def read(offset: int, length: int) -> bytes:
        return engine.ports.blobs.read(ref, offset, length)

    step = definition.split.frames.resolved(run.parameters)
    return _alike(split_frames(frame_count(read, size), step))


def _grid(_engine: Engine, _run: Run, definition: Pipeline) -> Work:
    return _alike(split_grid(definition.split.grid or {}))


def _lines(engine: Engine, run: Run, definition: Pipeline) -> Work:
    assert definition.split.lines is not None  # noqa: S101 - the table is keyed by kind
    ref, size = _pinned(run)
    if size > MAX_TEXT:
        raise PlanError(f"the text has {size:,} bytes; split lines takes at most {MAX_TEXT:,}")
    split = definition.split.lines
    per_item = split.resolved(run.parameters)
    text = _text(engine.ports.blobs.stream(ref))
    return _alike(split_lines(text, skip_header=split.skip_header, lines_per_item=per_item))


def _text(content: Iterable[bytes]) -> Iterator[str]:
    try:
        yield from codecs.iterdecode(content, "utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"the input is not UTF-8 text: {error}") from error


def _program(engine: Engine, run: Run, definition: Pipeline) -> Work | None:
    program = definition.split.program
    assert program is not None  # noqa: S101 - the table is keyed by kind
    inputs = _shared_inputs(engine, run)
    outputs = stages.outcome(engine, run, stages.Stage(naming.SPLIT, program, inputs))
    if outputs is None:
        return None
    if naming.ITEMS_FILE not in outputs:
        raise PlanError(f"{program.program} wrote no {naming.ITEMS_FILE} into its output folder")
    written = outputs[naming.ITEMS_FILE]
    if written.claim.size > MAX_ITEMS_JSON:
        raise PlanError(f"items.json has {written.claim.size:,} bytes: at most {MAX_ITEMS_JSON:,}")
    text = engine.ports.blobs.read(written.ref, 0, MAX_ITEMS_JSON).decode(errors="replace")
    return _alike(items_from_program(text, program.parameters))


_SPLITS: dict[str, Callable[[Engine, Run, Pipeline], Work | None]] = {
    "blobs": _blobs,
    "range": _range,
    "frames": _frames,
    "grid": _grid,
    "lines": _lines,
    "program": _program,
}


def _pinned(run: Run) -> tuple[BlobRef, int]:
    if run.input is None:
        raise PlanError("this split works on an input blob; the run has none")
    return run.input.ref, run.input.size


def _remaining(engine: Engine, run: Run) -> Work:
    """Yield the items of the last plan that did not succeed: what a redrive has left to do."""
    last = run.earlier[-1]
    done = gather.gather(engine, run).parts.keys()
    for page in read_pages(engine, last.plan.folder, last.plan.pages):
        for task in page.tasks:
            by_file = {blob.file: blob for blob in task.inputs}
            for item in task.items:
                if item.id not in done:
                    own = tuple(by_file[file] for file in item.inputs if file in by_file)
                    yield Item(item.id, item.parameters), own


def read_pages(engine: Engine, folder: str, count: int) -> Iterable[Page]:
    """Yield the pages of a published plan."""
    for number in range(count):
        yield executions.read_page(engine, folder, number)[0]
