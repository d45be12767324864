"""Splits a run's work into items: a table from each kind of split to its function.

Each function reads what its kind needs, and leaves the decision to the domain.
"""

from collections.abc import Callable

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.plans.listed import items_from_program
from pipeline.domain.plans.split import (
    PlanError,
    split_grid,
    split_range,
    split_whole,
)
from pipeline.domain.runs import naming
from pipeline.domain.runs.run import Run
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs, texts
from pipeline.handlers.planning.listings import Listing
from pipeline.handlers.planning.work import Bookmark, Work, alike
from pipeline.handlers.running import stages
from pipeline.handlers.running.stages import OnNode

MAX_ITEMS_JSON = 64 << 20


def split(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work | OnNode:
    """Split a run's work from a bookmark on, or return OnNode while a split program works on it.

    Raises PlanError and other Permanent errors, at the call or after some items.
    """
    if definition.split.needs_input and run.input is None:
        raise PlanError(f"split {definition.split.kind} needs an input blob, but the run has none")
    return _SPLITS[definition.split.kind](engine, run, definition, bookmark)


def _blobs(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    split = definition.split.blobs
    if split is None or split.container is None:
        return alike(split_whole() if not bookmark.item else ())
    return Work(Listing(engine, run, split, split.container).drawn(bookmark))


def _range(_engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    assert definition.split.range is not None  # noqa: S101 - the table is keyed by kind
    return alike(split_range(*definition.split.range.resolved(run.parameters), after=bookmark.item))


def _grid(_engine: Engine, _run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    return alike(split_grid(definition.split.grid or {}, after=bookmark.item))


def _program(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work | OnNode:
    program = definition.split.on_node
    assert program is not None  # noqa: S101 - the table is keyed by kind
    stage = stages.Stage(naming.SPLIT, program, inputs.shared(engine, run))
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
    return alike(items_from_program(text, program.parameters, after=bookmark.item))


_SPLITS: dict[str, Callable[[Engine, Run, Pipeline, Bookmark], Work | OnNode]] = {
    "blobs": _blobs,
    "range": _range,
    "frames": _program,
    "grid": _grid,
    "lines": texts.lines,
    "csv": texts.rows,
    "bytes": texts.pieces,
    "manifest": texts.manifest,
    "program": _program,
}
