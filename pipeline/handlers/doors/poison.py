"""What becomes of messages that reached the retry limit of the host or of their handler.

The host counts failures of the instance, too, which may be the fault of another message or of a
role. So what it gave up is sent again twice before its run is ended. The sweep reads the poison
queues: a trigger for each would be asked after all month.
"""

from contextlib import suppress

from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import STOPPABLE
from pipeline.domain.runs.messages import (
    RETIRED,
    AnnounceMessage,
    BadMessage,
    EventMessage,
    Queue,
    RunMessage,
    Step,
    WorkMessage,
    from_retired,
    poison_of,
    read,
)
from pipeline.errors import NotFound, Permanent
from pipeline.handlers.ending import early
from pipeline.handlers.ending.conclude import conclude_uncounted, fail
from pipeline.handlers.ending.early import Early
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.mending.apart import apart
from pipeline.handlers.tenure import Elsewhere
from pipeline.ledger import runs
from pipeline.ledger.runs import Held

MOST = 256  # messages of one queue in one sweep


def read_all(engine: Engine) -> None:
    """Handle the messages of the poison queues, up to a number of each.

    One that cannot be handled now stays hidden for some minutes; a later sweep meets it again.
    """
    for queue in Queue:
        with apart("poison", queue=queue.poison):
            for message in engine.ports.queues.receive(queue.poison, MOST):
                if engine.time_is_up:
                    return
                with apart("poison", queue=queue.poison):
                    on_poison(engine, queue, message.body)
                    engine.ports.queues.delete(queue.poison, message)


def empty_retired(engine: Engine) -> None:
    """Move what an earlier release left in its own queues to the one that takes all steps.

    It may still work beside this one, and takes what it finds first. Remove with release 0.3.0
    (2026-11-29).
    """
    for step in RETIRED:
        for old, new in ((step, Queue.WORK), (poison_of(step), Queue.WORK.poison)):
            with (
                apart("retired", queue=old),
                suppress(NotFound),
            ):  # the deployment may have begun with this release
                _move(engine, step, old, new)


def _move(engine: Engine, step: Step, old: str, new: str) -> None:
    for message in engine.ports.queues.receive(old, MOST):
        try:
            engine.ports.queues.send(new, from_retired(step, message.body))
        except BadMessage as error:
            _log_unrecognised(old, error)
        engine.ports.queues.delete(old, message)


def on_poison(engine: Engine, queue: Queue, body: str) -> None:
    """Handle one message of a poison queue: send it again, or else end its run.

    All else is left to the sweep. Raises Transient while that cannot be done.
    """
    try:
        message = read(queue, body)
    except BadMessage as error:
        _log_unrecognised(queue, error)
        return
    run = ascii(message.about) if isinstance(message, WorkMessage) and message.about else ""
    fields = {"action": "poison", "queue": name_of(queue, message), "run": run}
    try:
        if message.set_aside.exhausted:
            log.error("Message reached the retry limit", extra=fields)
            if isinstance(message, RunMessage):
                remedy = "Fix the cause, then use `fanfare redrive`."
                step = str(message.step)
                end(engine, message, f"Its step {step!r} reached the retry limit. {remedy}")
        elif _is_wanted(engine, message):
            log.warning("Host gave a message up: it is sent again", extra=fields)
            engine.send(queue, message.set_aside, message.apart)
    except Permanent as error:
        log.exception(
            "Message of a poison queue not handled: the sweep asks again",
            extra={**fields, "reason": str(error)},
        )


def name_of(queue: Queue, message: EventMessage | WorkMessage) -> str:
    """Return what a log or a run calls the work of a message: its step, or else its queue."""
    return str(message.step if isinstance(message, WorkMessage) else queue)


def _is_wanted(engine: Engine, message: EventMessage | WorkMessage) -> bool:
    """Return whether a message may still have an effect: its run exists, and goes on."""
    if isinstance(message, EventMessage):
        return True
    held = runs.load(engine.ports.tables, message.about) if message.about else None
    if held is None or isinstance(message, AnnounceMessage):
        return held is not None
    same = isinstance(message, RunMessage) and held.run.generation == message.generation
    return same and not held.run.over


def give_up(engine: Engine, queue: Queue, message: EventMessage | WorkMessage, why: str) -> None:
    """End the run of a message that cannot be handled; the sweep reports one without a run."""
    if isinstance(message, RunMessage):
        try:
            end(engine, message, f"Its step {str(message.step)!r} cannot be completed: {why}")
        except Permanent as error:
            fields = {"action": "poison", "queue": queue, "run": message.run, "why": str(error)}
            log.exception("Run cannot be ended", extra=fields)
    else:
        put(engine, queue, message.hopeless.model_dump_json(), why)


def end(engine: Engine, message: RunMessage, why: str) -> None:
    """End the run of a message, unless it is over, ending or being committed.

    One whose end is noted ends even if its items cannot be counted.
    """
    held = runs.load(engine.ports.tables, message.run)
    present = held if held and held.run.generation == message.generation else None
    noted = _noted(engine, present, message)
    if present and noted:
        _end_uncounted(engine, present, noted, why)
    elif present and present.run.state in STOPPABLE:
        fail(engine, present, Cause.POISONED, why)
    else:
        log.warning(
            "Message ignored: its run is unknown, over, ending or being committed",
            extra={"run": ascii(message.run), "why": why},
        )


def _noted(engine: Engine, held: Held | None, message: RunMessage) -> Early | None:
    """Return how a run is to end whose items a message asked to be counted, or None."""
    if held is None or held.run.over or message.step is not Step.ASSEMBLE:
        return None
    return early.noted(engine, held.run)


def _end_uncounted(engine: Engine, held: Held, noted: Early, why: str) -> None:
    """End a run whose items cannot be counted, unless nobody has tried, or another instance does.

    Then it is asked again for the count.
    """
    if not noted.counting:
        engine.wake(Step.ASSEMBLE, held.run)
        return
    try:
        conclude_uncounted(engine, held, noted, why)
    except Elsewhere as error:
        engine.wake_at(Step.ASSEMBLE, held.run, error.until)


def put(engine: Engine, queue: Queue, body: str, why: str) -> None:
    """Put a message into the poison queue, of which the sweep reports and drops it."""
    log.error(
        "Message moved to the poison queue",
        extra={"action": "poison", "queue": queue, "reason": why},
    )
    engine.ports.queues.send(queue.poison, body)


def _log_unrecognised(queue: str, error: BadMessage) -> None:
    fields = {"action": "poison", "queue": queue, "reason": str(error)}
    log.error("Dropped an unrecognised message", extra=fields)
