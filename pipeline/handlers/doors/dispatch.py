"""Brings queue messages to their handlers, and decides what happens when a handler fails.

After a conflict the handler runs again at once. A transient error puts the message back, with a
growing delay and a count. A permanent error ends the run; a message without a run goes to the
poison queue. What a handler asks for is carried out by the same invocation while its time lasts.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from pipeline.domain.runs.messages import (
    AnnounceMessage,
    BadMessage,
    EventMessage,
    Message,
    Queue,
    RunMessage,
    Step,
    SubmitMessage,
    WorkMessage,
    read,
)
from pipeline.errors import Conflict, FanfareError, Permanent, Transient
from pipeline.handlers import metering
from pipeline.handlers.assembling.assemble import assemble
from pipeline.handlers.collecting.receipts import on_receipts
from pipeline.handlers.doors import poison, timers
from pipeline.handlers.ending.announce import announce
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.onward import Onward, Taken
from pipeline.handlers.planning.plan import plan
from pipeline.handlers.running.submit import submit
from pipeline.handlers.starting.start import on_blob
from pipeline.handlers.tracing import span
from pipeline.handlers.why import note_failing
from pipeline.ledger import outbox, runs

_AT_ONCE = 4
_NOTED_FROM = 2  # times put back: most passing errors have passed by then

type Received = EventMessage | WorkMessage
type Handle = Callable[[Received, Engine], object]


def _for[M: Message](kind: type[M], handler: Callable[[M, Engine], object]) -> Handle:
    def handle_checked(message: Received, engine: Engine) -> object:
        assert isinstance(message, kind)  # noqa: S101 - `read` chose it by queue and step
        return handler(message, engine)

    return handle_checked


HANDLERS: Mapping[str, Handle] = {
    Queue.BLOB_EVENTS: _for(EventMessage, on_blob),
    Queue.RECEIPTS: _for(EventMessage, on_receipts),
    Step.PLAN: _for(RunMessage, plan),
    Step.SUBMIT: _for(SubmitMessage, submit),
    Step.ASSEMBLE: _for(RunMessage, assemble),
    Step.ANNOUNCE: _for(AnnounceMessage, announce),
    Step.TICK: _for(WorkMessage, lambda _, engine: timers.stand_in(engine)),
}


def handle(
    engine: Engine,
    queue: Queue,
    body: str,
    deliveries: int = 1,
    inserted: datetime | None = None,
) -> None:
    """Handle one message of a queue; afterwards the host may delete it.

    `deliveries` counts how often the host has handed the message out. From the second on the
    invocation does one step alone, so that the step that ends instances is the one that is blamed.
    `inserted` is when the message was put into the queue, if the host says so.
    """
    if inserted is not None:
        metering.taken(queue, inserted, engine.now)
    try:
        message = read(queue, body)
    except BadMessage as error:
        poison.put(engine, queue, body, str(error))
        return
    if deliveries > 1:
        _carry_out(engine.begun(), queue, message)
        return
    going_on, onward = engine.begun().going_on()
    try:
        _carry_out(going_on, queue, message)
    except Exception:
        _leave(engine, onward)
        raise
    _go_on(going_on, onward)
    timers.look(going_on)
    _go_on(going_on, onward)


def _go_on(engine: Engine, onward: Onward) -> None:
    """Carry out the steps that were asked for, and those that they ask for, while time lasts."""
    while not engine.time_is_up and (taken := onward.next()):
        try:
            _carry_out(engine, Queue.WORK, taken.message)
        except Exception:  # noqa: BLE001 - the host must count it for the message of this step
            log.exception(
                "Step failed: its message is sent", extra={"step": str(taken.message.step)}
            )
            _send_on(engine, onward, taken)
        else:
            _forget(onward, taken)
    _leave(engine, onward)


def _leave(engine: Engine, onward: Onward) -> None:
    """Send the messages of steps that were not begun, so that others begin them now."""
    while taken := onward.next():
        _send_on(engine, onward, taken)


def _send_on(engine: Engine, onward: Onward, taken: Taken) -> None:
    try:
        engine.send(Queue.WORK, taken.message)
    except FanfareError as error:
        fields = {"step": str(taken.message.step), "reason": str(error)}
        log.warning("Step not sent on: its message appears in some minutes", extra=fields)
    else:
        _forget(onward, taken)


def _forget(onward: Onward, taken: Taken) -> None:
    try:
        onward.done(taken)
    except FanfareError as error:
        fields = {"step": str(taken.message.step), "reason": str(error)}
        log.warning("Message of a step not deleted: the step is repeated", extra=fields)


def _carry_out(engine: Engine, queue: Queue, message: Received) -> None:
    """Bring a message to its handler, and put it back or give it up if that fails."""
    with span(poison.name_of(queue, message), message.traceparent, tries=message.tries):
        try:
            _decide(engine, queue, message)
        except Transient as error:
            _put_back(engine, queue, message, error)
        except Permanent as error:
            poison.give_up(engine, queue, message, str(error))


def _decide(engine: Engine, queue: Queue, message: Received) -> None:
    handler = HANDLERS[poison.name_of(queue, message)]
    for _ in range(_AT_ONCE - 1):
        try:
            handler(message, engine)
        except Conflict:
            continue
        return
    handler(message, engine)


def _put_back(engine: Engine, queue: Queue, message: Received, error: FanfareError) -> None:
    if message.exhausted:
        why = f"it failed {message.tries} times, at last with: {error}"
        poison.give_up(engine, queue, message, why)
        return
    engine.send(queue, message.put_back, message.delay)
    if message.tries >= _NOTED_FROM:
        _note(engine, message, error)
    fields = {"action": "retry", "queue": poison.name_of(queue, message), "tries": message.tries}
    log.info("Message put back", extra={**fields, "reason": str(error)})


def _note(engine: Engine, message: Received, error: FanfareError) -> None:
    """Note on the run why its step fails, so that people need not search the logs."""
    if not isinstance(message, RunMessage | AnnounceMessage):
        return
    try:
        if isinstance(message, AnnounceMessage):
            outbox.note_failure(engine.ports.tables, message.run, message.event, str(error))
            return
        held = runs.load(engine.ports.tables, message.run)
        if held and held.run.generation == message.generation:
            times = f"step {message.step} failed {message.tries + 1} times"
            note_failing(engine, held.run, times, error)
    except FanfareError as failure:
        log.warning(
            "Failing step not noted",
            extra={"action": "note", "run": message.run, "reason": str(failure)},
        )
