"""Counts receipts: a queue message is a doorbell, and one invocation drains all that wait.

It writes task rows first, then progress, and deletes the messages last. If it dies in between, the
messages are redelivered, and counting a receipt twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace
from functools import partial
from threading import BoundedSemaphore

from pipeline.domain.notation.prefixes import shared_prefix
from pipeline.domain.runs import naming
from pipeline.domain.runs.events import parse_blob_created
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.messages import BadMessage, EventMessage, Queue, Step, parse_event
from pipeline.domain.runs.naming import ReceiptPath
from pipeline.domain.runs.results import ReceiptInvalid, TaskResult
from pipeline.domain.runs.run import Run
from pipeline.errors import NotYet, Permanent, Transient
from pipeline.handlers import abreast, probe
from pipeline.handlers.collecting import ends, indexing
from pipeline.handlers.collecting.reading import receipt_of, result_of
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.published import PlannedItems
from pipeline.handlers.running.executions import STAGE_STEPS
from pipeline.handlers.tracing import span
from pipeline.ledger import progress, runs, tasks
from pipeline.ports.queues import QueueMessage

DRAIN = 250  # messages between two looks at the time
_AT_ONCE = 10_000  # items whose results are held together; each takes about 1.5 KB
_HELD = BoundedSemaphore(4)  # so many portions are in a process, of all its invocations
_COUNTING = frozenset({State.SUBMITTING, State.RUNNING, State.ASSEMBLING})

# Units without a result, with what the ledger knows about their earlier executions.
type Unheard = Mapping[str, TaskResult]


@dataclass(frozen=True)
class Doorbell:
    """A message and the receipt that it announces; without `received` the host deletes it.

    `unwritten` means that a task without the runner has ended, and the engine writes its receipt.
    """

    path: ReceiptPath
    message: EventMessage
    received: QueueMessage | None = None
    unwritten: bool = False


def on_receipts(message: EventMessage, engine: Engine) -> None:
    """Count the receipt of the event, and all others that wait in the queue.

    After a transient error with the receipts of one run, only that run's messages are put back.
    Raises Transient if the event's own message is among them.
    """
    own = _doorbell(engine, message)
    doorbells = [*([own] if own else []), *_drain(engine)]
    unsettled = _settle_all(engine, doorbells)
    while len(doorbells) >= DRAIN and not (engine.time_is_up or engine.holds_steps):
        doorbells = list(_drain(engine))
        _settle_all(engine, doorbells)
    if unsettled:
        raise unsettled


def _settle_all(engine: Engine, rung: Iterable[Doorbell]) -> Transient | None:
    """Settle receipts run by run; return the error for which the event's own message must wait."""
    by_generation: dict[tuple[str, int], list[Doorbell]] = defaultdict(list)
    for doorbell in rung:
        by_generation[doorbell.path.run, doorbell.path.generation].append(doorbell)
    unsettled: Transient | None = None
    for number, ((run, generation), doorbells) in enumerate(by_generation.items()):
        if number and engine.time_is_up:
            _leave(engine, doorbells)
            continue
        try:
            written = {doorbell.path for doorbell in doorbells if not doorbell.unwritten}
            unwritten = {doorbell.path for doorbell in doorbells if doorbell.unwritten}
            late = settle(engine, run, generation, written, unwritten)
            _delete(engine, [doorbell for doorbell in doorbells if doorbell.path not in late])
            _leave(engine, [doorbell for doorbell in doorbells if doorbell.path in late])
        except Transient as error:
            _put_back(engine, doorbells, str(error))
            if doorbells[0].received is None:
                unsettled = error
    return unsettled


def _drain(engine: Engine) -> Iterator[Doorbell]:
    """Receive the waiting messages, and delete those that are not about a receipt."""
    for received in engine.ports.queues.receive(Queue.RECEIPTS, DRAIN):
        try:
            message = parse_event(received.body)
            doorbell = _doorbell(engine, message, received)
        except (BadMessage, Transient) as error:
            log.warning("Message deleted: it is not about a receipt", extra={"reason": str(error)})
            doorbell = None
        if doorbell:
            yield doorbell
        else:
            engine.ports.queues.delete(Queue.RECEIPTS, received)


def _delete(engine: Engine, doorbells: Iterable[Doorbell]) -> None:
    received = [doorbell.received for doorbell in doorbells if doorbell.received]
    delete = partial(engine.ports.queues.delete, Queue.RECEIPTS)
    list(abreast.each(delete, received))


def _leave(engine: Engine, doorbells: Iterable[Doorbell]) -> None:
    """Let others handle messages now: this invocation has no time left for them.

    Raises Transient; then they are redelivered in some minutes.
    """
    left = list(doorbells)
    list(abreast.each(lambda one: engine.send(Queue.RECEIPTS, one.message), left))
    _delete(engine, left)


def _put_back(engine: Engine, doorbells: Iterable[Doorbell], why: str) -> None:
    """Put back messages that would otherwise stay hidden for minutes.

    A message that reached the retry limit is left alone: it is redelivered by itself later, and
    then goes to the poison queue.
    """
    drained = [d for d in doorbells if d.received and not d.message.exhausted]
    log.info("Receipts put back", extra={"action": "receipts", "of": len(drained), "reason": why})
    try:
        for doorbell in drained:
            engine.send(Queue.RECEIPTS, doorbell.message.put_back, doorbell.message.delay)
            _delete(engine, [doorbell])
    except Transient as error:
        log.warning(
            "Receipts not put back: they are redelivered in some minutes",
            extra={"reason": str(error)},
        )


def settle(
    engine: Engine,
    run_id: str,
    generation: int,
    paths: Set[ReceiptPath],
    unwritten: Set[ReceiptPath] = frozenset(),
) -> Set[ReceiptPath]:
    """Count receipts of one generation of a run, if it is the present one.

    Returns those for which no time is left: some are always counted. Those that the engine has to
    write itself are written first. The sweep handles permanent errors. Raises Transient, and NotYet
    while Batch has not completed a task that announced its end.
    """
    about: dict[str, object] = {"action": "receipts", "run": run_id, "generation": generation}
    try:
        held = runs.load(engine.ports.tables, run_id)
        if held is None or held.run.generation != generation or held.run.over:
            log.info("Receipts ignored: their generation is over", extra=about)
            return frozenset()
        run, receipts = held.run, len(paths | unwritten)
        with span("receipts of a run", run.traceparent, run=run_id, receipts=receipts):
            expected = {path for path in paths | unwritten if run.names.knows(path.address)}
            for path in (paths | unwritten) - expected:
                fields = {**about, "receipt": path.blob.name}
                log.warning("Receipt ignored: nobody was told to put it there", extra=fields)
            recorded = ends.record(engine, run, expected & unwritten)
            there = (expected & paths) | recorded.written
            late = _settle_run(engine, run, sorted(there, key=lambda path: path.blob))
            if recorded.open:
                raise NotYet(f"Batch has not completed {', '.join(recorded.open[:3])} yet.")
            return late
    except Permanent as error:
        log.exception("Receipts not counted", extra={**about, "reason": str(error)})
        return frozenset()


def settle_unheard(engine: Engine, run: Run, unheard: Unheard) -> set[str]:
    """Count receipts whose events were lost; return the units that have a result now.

    They are listed by the beginning that the names of the units share.
    """
    if not unheard:
        return set()
    counted = {unit: past.execution for unit, past in unheard.items() if unit not in STAGE_STEPS}
    if counted and not engine.definition(run).task.has_runner:
        ends.record_unheard(engine, run, counted)
    found = {
        replace(path, came_at=facts.modified)
        for facts in engine.ports.blobs.list(
            naming.RECEIPTS, run.names.receipts(shared_prefix(unheard))
        )
        if (path := naming.parse_receipt_path(facts.ref.name))
        and path.unit in unheard
        and not unheard[path.unit].rejects(path.attempt)
    }
    if found:
        settle(engine, run.id, run.generation, found)
    return {path.unit for path in found if ends.is_done(engine, run, path.unit)}


def _settle_run(engine: Engine, run: Run, paths: list[ReceiptPath]) -> Set[ReceiptPath]:
    staged = [path for path in paths if path.unit in STAGE_STEPS]
    for path in staged:
        _settle_stage(engine, run, path)
    counted = [path for path in paths if path.unit not in STAGE_STEPS]
    if run.plan is None or run.state not in _COUNTING or not counted:
        return frozenset()
    items = _items_of(engine, run, counted)
    known = [path for path in counted if path.unit in items]
    heard: list[str] = []
    late = set(known)
    for some in _portions(known, items):
        if len(late) < len(known) and engine.time_is_up:
            break
        late -= set(some)
        with _HELD:
            heard += _settle_portion(engine, run, some, items)
    count(engine, run, heard)
    return late


def _settle_portion(
    engine: Engine, run: Run, paths: list[ReceiptPath], items: Mapping[str, tuple[int, ...]]
) -> list[str]:
    """Record the results of a portion, and forget them; return the units that have one now."""
    results = _read_results(engine, run, paths, items)
    finished = tasks.finish(engine.ports.tables, run.id, run.generation, results)
    indexing.note(engine, run, results)
    return finished.units


def _portions(
    paths: Iterable[ReceiptPath], items: Mapping[str, tuple[int, ...]]
) -> Iterator[list[ReceiptPath]]:
    """Cut receipts into portions of so many items that their results fit into memory."""
    portion: list[ReceiptPath] = []
    size = 0
    for path in paths:
        if portion and size + len(items[path.unit]) > _AT_ONCE:
            yield portion
            portion, size = [], 0
        portion.append(path)
        size += len(items[path.unit])
    if portion:
        yield portion


def record(engine: Engine, run: Run, results: list[TaskResult]) -> None:
    """Record the results of tasks, then count them."""
    finished = tasks.finish(engine.ports.tables, run.id, run.generation, results)
    count(engine, run, finished.units)


def count(engine: Engine, run: Run, units: Iterable[str]) -> None:
    """Count tasks that have a result; ask for assembly when all tasks have one."""
    numbers = [n for unit in units if (n := naming.unit_number(unit)) is not None]
    if run.plan is None or not numbers:
        return
    tables = engine.ports.tables
    done = progress.mark(tables, run.id, run.generation, "tasks", numbers, engine.token())
    log.info(
        "Receipts counted",
        extra={**context(run, "receipts"), "done": done.count(), "of": run.plan.tasks},
    )
    if done.is_complete(run.plan.tasks):
        engine.wake(Step.ASSEMBLE, run)


def _settle_stage(engine: Engine, run: Run, path: ReceiptPath) -> None:
    result = _read_result(engine, run, path, (0,))
    if result:
        tasks.finish(engine.ports.tables, run.id, run.generation, [result])
        engine.wake(STAGE_STEPS[path.unit], run)


def _read_results(
    engine: Engine, run: Run, paths: list[ReceiptPath], items: Mapping[str, tuple[int, ...]]
) -> list[TaskResult]:
    read = partial(_read_result, engine, run)
    found = list(abreast.each(lambda path: read(path, items[path.unit]), paths))
    # The first receipt of a task counts; the others are ignored.
    return list({result.unit: result for result in reversed(found) if result}.values())


def _items_of(engine: Engine, run: Run, paths: list[ReceiptPath]) -> dict[str, tuple[int, ...]]:
    """Return the items of each task in the plan, from the pages that hold them."""
    if run.plan is None:
        return {}
    numbers = {n for path in paths if (n := naming.unit_number(path.unit)) is not None}
    planned = PlannedItems(engine, run.plan)
    units = [naming.unit_name(number) for number in sorted(numbers) if number < run.plan.tasks]
    return {unit: planned.of(unit) for unit in units}


def _read_result(
    engine: Engine, run: Run, path: ReceiptPath, items: tuple[int, ...]
) -> TaskResult | None:
    """Read one receipt; an invalid one is logged and left to the sweep."""
    try:
        receipt = receipt_of(engine, path.blob, path.attempt, items)
    except ReceiptInvalid as error:
        log.warning(
            "Receipt not counted",
            extra={**context(run, "receipts"), "receipt": path.blob.name, "reason": str(error)},
        )
        return None
    return result_of(path, receipt, engine.now)


def _doorbell(
    engine: Engine, message: EventMessage, received: QueueMessage | None = None
) -> Doorbell | None:
    """Return what an event announces; None for other events, such as the doctor's probe."""
    event = parse_blob_created(message.event)
    if event is None or event.container != naming.RECEIPTS or probe.answer(engine, event):
        return None
    if path := naming.parse_receipt_path(event.name):
        return Doorbell(replace(path, came_at=event.at), message, received)
    path = naming.parse_end_path(event.name)
    return Doorbell(path, message, received, unwritten=True) if path else None
