"""Keeps the index of a run's items: written every few seconds while a run works, and at its end.

Only runs of many items have one; of others the rows are read. It is for people and for learning: no
verdict relies on it. What an instance has not written when it ends comes with the verdict.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta

from pipeline.domain.outputs.item_index import (
    CHUNK,
    IndexChunk,
    IndexUnreadable,
    ItemState,
    Unwritten,
)
from pipeline.domain.runs.naming import BlobRef, Generation
from pipeline.domain.runs.results import TaskResult
from pipeline.domain.runs.run import Run
from pipeline.errors import Conflict, FanfareError, NotFound, Permanent
from pipeline.handlers.collecting.gather import generations, total_items
from pipeline.handlers.collecting.reading import all_items
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.published import PlannedItems
from pipeline.ledger import tasks

FEW = 5_000  # items of a run without an index, which is gathered at once
EVERY = timedelta(seconds=5)


def note(engine: Engine, run: Run, results: Iterable[TaskResult]) -> None:
    """Take the results of tasks into the index; it is written at most every five seconds."""
    if total_items(run) <= FEW:
        return
    unwritten = engine.unindexed.of(run.id, run.generation)
    unwritten.put(ItemState.of(item, r.node) for r in results for item in r.items)
    if unwritten.is_due(engine.now, EVERY):
        write(engine, run)


def write(engine: Engine, run: Run) -> None:
    """Write what this instance has not written; a failure costs people a look, and no more."""
    unwritten = engine.unindexed.of(run.id, run.generation)
    for chunk in unwritten.take(engine.now):
        try:
            _write(engine, run, chunk)
        except Conflict:
            unwritten.put(chunk.states())  # another instance wrote it: the next time
        except FanfareError as error:
            log.warning("Index not written", extra={**context(run, "index"), "why": str(error)})


def _write(engine: Engine, run: Run, chunk: IndexChunk) -> None:
    ref = _ref(run.names, chunk.number)
    facts = engine.ports.blobs.head(ref)
    present = (facts and _read(engine, ref, chunk.number)) or IndexChunk(chunk.number)
    for state in chunk.states():
        present.put(state)
    engine.ports.writer.write(ref, present.encode(), facts.etag if facts else "*")


def write_judged(engine: Engine, run: Run, judged: Unwritten) -> None:
    """Write how some items of the present generation ended, whatever was written of them before."""
    for chunk in judged.take(engine.now):
        ref = _ref(run.names, chunk.number)
        present = _read(engine, ref, chunk.number) or IndexChunk(chunk.number)
        for state in chunk.states():
            present.judge(state)
        engine.ports.writer.write(ref, present.encode())


def states(engine: Engine, run: Run) -> Iterator[ItemState]:
    """Yield how each item of a run stands, in order of the items."""
    total = total_items(run)
    read = _from_rows if total <= FEW else _from_index
    for number in range(-(-total // CHUNK)):
        known = IndexChunk(number)
        known.put(ItemState(min(total, (number + 1) * CHUNK) - 1))  # so that there are all
        for state in read(engine, run, number):
            known.put(state)
        yield from known.states()


def _from_rows(engine: Engine, run: Run, _number: int) -> Iterator[ItemState]:
    for generation, plan in generations(run):
        results = tasks.results(engine.ports.tables, run.id, generation)
        for result, read in all_items(engine, PlannedItems(engine, plan), results):
            with suppress(Permanent):  # a page or receipt that is gone says nothing
                yield from (ItemState.of(item, result.node) for item in read())


def _from_index(engine: Engine, run: Run, number: int) -> Iterator[ItemState]:
    for generation, _ in generations(run):
        names = Generation(run.id, generation)
        chunk = _read(engine, _ref(names, number), number)
        yield from chunk.states() if chunk else ()


def _read(engine: Engine, ref: BlobRef, number: int) -> IndexChunk | None:
    try:
        return IndexChunk.parse(number, engine.ports.blobs.read(ref))
    except NotFound:
        return None
    except IndexUnreadable:
        log.warning("Index unreadable", extra={"action": "index", "blob": ref.name})
        return None


def _ref(names: Generation, number: int) -> BlobRef:
    return names.kept("index", f"{number:05d}")
