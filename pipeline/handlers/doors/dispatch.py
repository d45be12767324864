"""Brings queue messages to their handlers, and decides what happens when a handler fails.

After a conflict the handler runs again at once. A transient error puts the message back, with a
growing delay and a count. A permanent error ends the run; a message without a run goes to the
poison queue. A message that the host gave up is sent again twice, because the instance may have
ended through the fault of another message or of a role.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE
from pipeline.domain.runs.messages import (
    AnnounceMessage,
    BadMessage,
    EventMessage,
    Message,
    Queue,
    RunMessage,
    SubmitMessage,
    parse,
    parse_event,
)
from pipeline.errors import Conflict, FanfareError, Permanent, Transient
from pipeline.handlers.assembling.assemble import assemble
from pipeline.handlers.collecting.receipts import on_receipts
from pipeline.handlers.ending.announce import announce
from pipeline.handlers.ending.conclude import fail
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.planning.plan import plan
from pipeline.handlers.running.submit import submit
from pipeline.handlers.starting.start import on_blob
from pipeline.handlers.tracing import span
from pipeline.handlers.why import note_failing
from pipeline.ledger import outbox, runs

_AT_ONCE = 4
_NOTED_FROM = 2  # times put back: most passing errors have passed by then


@dataclass(frozen=True)
class Route:
    """How a queue's messages are read and handled."""

    parse: Callable[[str], Message]
    handle: Callable[[Message, Engine], object]


def _route[M: Message](kind: type[M], handle: Callable[[M, Engine], object]) -> Route:
    def handle_checked(message: Message, engine: Engine) -> object:
        assert isinstance(message, kind)  # noqa: S101 - the same route parsed it
        return handle(message, engine)

    read = parse_event if kind is EventMessage else lambda body: parse(kind, body)
    return Route(read, handle_checked)


ROUTES: Mapping[Queue, Route] = {
    Queue.BLOB_EVENTS: _route(EventMessage, on_blob),
    Queue.PLAN: _route(RunMessage, plan),
    Queue.SUBMIT: _route(SubmitMessage, submit),
    Queue.RECEIPTS: _route(EventMessage, on_receipts),
    Queue.ASSEMBLE: _route(RunMessage, assemble),
    Queue.ANNOUNCE: _route(AnnounceMessage, announce),
}


def handle(engine: Engine, queue: Queue, body: str) -> None:
    """Handle one message of a queue; afterwards the host may delete it."""
    engine = engine.begun()
    try:
        message = ROUTES[queue].parse(body)
    except BadMessage as error:
        _poison(engine, queue, body, str(error))
        return
    with span(queue, message.traceparent, tries=message.tries):
        try:
            _decide(engine, queue, message)
        except Transient as error:
            _put_back(engine, queue, message, error)
        except Permanent as error:
            _give_up(engine, queue, message, str(error))


def on_poison(engine: Engine, queue: Queue, body: str) -> None:
    """Handle one message of a poison queue: send it again, or else end its run.

    All else is left to the sweep. Raises Transient while that cannot be done: the host hides a
    message of a poison queue for ten minutes then, and delivers it again without a limit.
    """
    try:
        message = ROUTES[queue].parse(body)
    except BadMessage as error:
        fields = {"action": "poison", "queue": queue, "reason": str(error)}
        log.error("Dropped an unrecognised message", extra=fields)
        return
    run = ascii(message.run) if isinstance(message, RunMessage | AnnounceMessage) else ""
    fields = {"action": "poison", "queue": queue, "run": run}
    try:
        if message.set_aside.exhausted:
            log.error("Message reached the retry limit", extra=fields)
            _end_poisoned(engine, queue, message)
        elif _is_wanted(engine, message):
            log.warning("Host gave a message up: it is sent again", extra=fields)
            engine.send(queue, message.set_aside, message.apart)
    except Permanent as error:
        log.exception(
            "Message of a poison queue not handled: the sweep asks again",
            extra={**fields, "reason": str(error)},
        )


def _is_wanted(engine: Engine, message: Message) -> bool:
    """Return whether a message may still have an effect: its run exists, and goes on."""
    if not isinstance(message, RunMessage | AnnounceMessage):
        return True
    held = runs.load(engine.ports.tables, message.run)
    if held is None or isinstance(message, AnnounceMessage):
        return held is not None
    return held.run.generation == message.generation and not held.run.over


def _end_poisoned(engine: Engine, queue: Queue, message: Message) -> None:
    if isinstance(message, RunMessage):
        remedy = "Fix the cause, then use `fanfare redrive`."
        _end(engine, message, f"Its step {queue!r} reached the retry limit. {remedy}")


def _decide(engine: Engine, queue: Queue, message: Message) -> None:
    for _ in range(_AT_ONCE - 1):
        try:
            ROUTES[queue].handle(message, engine)
        except Conflict:
            continue
        return
    ROUTES[queue].handle(message, engine)


def _put_back(engine: Engine, queue: Queue, message: Message, error: FanfareError) -> None:
    if message.exhausted:
        _give_up(engine, queue, message, f"it failed {message.tries} times, at last with: {error}")
        return
    engine.send(queue, message.put_back, message.delay)
    if message.tries >= _NOTED_FROM:
        _note(engine, queue, message, error)
    log.info(
        "Message put back",
        extra={"action": "retry", "queue": queue, "tries": message.tries, "reason": str(error)},
    )


def _note(engine: Engine, queue: Queue, message: Message, error: FanfareError) -> None:
    """Note on the run why its step fails, so that people need not search the logs."""
    if not isinstance(message, RunMessage | AnnounceMessage):
        return
    try:
        if isinstance(message, AnnounceMessage):
            outbox.note_failure(engine.ports.tables, message.run, message.event, str(error))
            return
        held = runs.load(engine.ports.tables, message.run)
        if held and held.run.generation == message.generation:
            times = f"step {queue} failed {message.tries + 1} times"
            note_failing(engine, held.run, times, error)
    except FanfareError as failure:
        log.warning(
            "Failing step not noted",
            extra={"action": "note", "run": message.run, "reason": str(failure)},
        )


def _give_up(engine: Engine, queue: Queue, message: Message, why: str) -> None:
    if isinstance(message, RunMessage):
        try:
            _end(engine, message, f"Its step {queue!r} cannot be completed: {why}")
        except Permanent as error:
            log.exception(
                "Run cannot be ended",
                extra={"action": "poison", "queue": queue, "run": message.run, "why": str(error)},
            )
    else:
        _poison(engine, queue, message.hopeless.model_dump_json(), why)


def _end(engine: Engine, message: RunMessage, why: str) -> None:
    """End the run of a message, unless it is over, ending or being committed."""
    held = runs.load(engine.ports.tables, message.run)
    if held and held.run.generation == message.generation and held.run.state in STOPPABLE:
        fail(engine, held, Cause.POISONED, why)
    else:
        log.warning(
            "Message ignored: its run is unknown, over, ending or being committed",
            extra={"run": ascii(message.run), "why": why},
        )


def _poison(engine: Engine, queue: Queue, body: str, why: str) -> None:
    log.error(
        "Message moved to the poison queue",
        extra={"action": "poison", "queue": queue, "reason": why},
    )
    engine.ports.queues.send(queue.poison, body)
