"""Splits a run's work into items: a table from each kind of split to its function.

Each function reads what its kind needs, and leaves the decision to the domain.
"""

import codecs
from collections.abc import Callable, Iterable, Iterator

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.plan import PlannedInput
from pipeline.domain.plans.split import (
    Item,
    PlanError,
    check_count,
    items_from_program,
    split_blobs,
    split_grid,
    split_lines,
    split_range,
    split_whole,
)
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Input, Run
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import stages
from pipeline.handlers.running.stages import OnNode
from pipeline.ports.blobs import BlobFacts

MAX_TEXT = 256 << 20
MAX_ITEMS_JSON = 64 << 20

# An item, and the blobs that only it needs.
type Work = Iterator[tuple[Item, tuple[PlannedInput, ...]]]


def split(engine: Engine, run: Run, definition: Pipeline) -> Work | OnNode:
    """Split a run's work, or return OnNode while a split program works on it.

    Raises PlanError and other Permanent errors, at the call or after some items.
    """
    if definition.split.needs_input and run.input is None:
        raise PlanError(f"split {definition.split.kind} needs an input blob, but the run has none")
    return _SPLITS[definition.split.kind](engine, run, definition)


def shared_inputs(engine: Engine, run: Run) -> tuple[PlannedInput, ...]:
    """Describe the run's pinned input for nodes; empty without an input."""
    if run.input is None:
        return ()
    file = naming.local_input_name("input", run.input.name)
    url = engine.ports.blobs.url(run.input.ref)
    return (PlannedInput(file=file, name=run.input.name, url=url, size=run.input.size),)


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
    """Make work of items that all use the run's input."""
    return ((item, ()) for item in items)


def _range(_engine: Engine, run: Run, definition: Pipeline) -> Work:
    assert definition.split.range is not None  # noqa: S101 - the table is keyed by kind
    return _alike(split_range(*definition.split.range.resolved(run.parameters)))


def _grid(_engine: Engine, _run: Run, definition: Pipeline) -> Work:
    return _alike(split_grid(definition.split.grid or {}))


def _lines(engine: Engine, run: Run, definition: Pipeline) -> Work:
    assert definition.split.lines is not None  # noqa: S101 - the table is keyed by kind
    source = _input_of(run)
    if source.size > MAX_TEXT:
        raise PlanError(
            f"the text has {source.size:,} bytes; the limit of split lines is {MAX_TEXT:,}"
        )
    split = definition.split.lines
    per_item = split.resolved(run.parameters)
    text = _text(engine, source.ref)
    return _alike(split_lines(text, skip_header=split.skip_header, lines_per_item=per_item))


def _text(engine: Engine, ref: BlobRef) -> Iterator[str]:
    try:
        yield from codecs.iterdecode(engine.ports.blobs.stream(ref), "utf-8")
    except UnicodeDecodeError as error:
        raise PlanError(f"the input is not UTF-8 text: {error}") from error


def _program(engine: Engine, run: Run, definition: Pipeline) -> Work | OnNode:
    program = definition.split.on_node
    assert program is not None  # noqa: S101 - the table is keyed by kind
    stage = stages.Stage(naming.SPLIT, program, shared_inputs(engine, run))
    outputs = stages.carry_out(engine, run, stage)
    if isinstance(outputs, OnNode):
        return outputs
    if naming.ITEMS_FILE not in outputs:
        raise PlanError(
            f"{program.program} did not write {naming.ITEMS_FILE} into its output folder"
        )
    written = outputs[naming.ITEMS_FILE]
    if written.claim.size > MAX_ITEMS_JSON:
        size, limit = written.claim.size, MAX_ITEMS_JSON
        raise PlanError(f"{naming.ITEMS_FILE} has {size:,} bytes; the limit is {limit:,}")
    text = engine.ports.blobs.read(written.ref, 0, MAX_ITEMS_JSON).decode(errors="replace")
    return _alike(items_from_program(text, program.parameters))


_SPLITS: dict[str, Callable[[Engine, Run, Pipeline], Work | OnNode]] = {
    "blobs": _blobs,
    "range": _range,
    "frames": _program,
    "grid": _grid,
    "lines": _lines,
    "program": _program,
}


def _input_of(run: Run) -> Input:
    if run.input is None:
        raise PlanError("this split needs an input blob, but the run has none")
    return run.input
