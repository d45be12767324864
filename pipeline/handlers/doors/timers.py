"""What the timers do, and who does it when the timer has stopped.

Each invocation is billed for at least a second, so there are only two timers. On Flex Consumption
the minute timer may stop for good after a deployment (Azure/azure-functions-host issue 11828). So
whoever finds the last tick too old asks for one.
"""

from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta

from pipeline.domain.runs.messages import Step, WorkMessage
from pipeline.errors import Conflict, FanfareError
from pipeline.handlers.doors import poison
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.keeping import retention
from pipeline.handlers.mending import sweep
from pipeline.handlers.starting import lost_events, tick
from pipeline.ledger import watermarks
from pipeline.ledger.watermarks import STOPPED_AFTER

_LOOKS_EVERY = timedelta(minutes=1)


def every_minute(engine: Engine) -> None:
    """Note the tick, start the schedules that are due, sweep, and read the poison queues.

    A failure of one does not stop the others.
    """
    engine = engine.begun()
    with ExitStack() as parts:
        _add_work(engine, parts)
        parts.callback(note, engine)


def stand_in(engine: Engine) -> None:
    """Do the work of a tick in place of the timer."""
    with ExitStack() as parts:
        _add_work(replace(engine, onward=None), parts)


def _add_work(engine: Engine, parts: ExitStack) -> None:
    """Add the work of a tick to a stack, which carries it out from the last to the first."""
    parts.callback(_sweep, engine)
    parts.callback(poison.read_all, engine)
    parts.callback(tick.on_tick, engine)


def _sweep(engine: Engine) -> None:
    """Sweep; while runs are active, an earlier release may have left messages for them."""
    if sweep.sweep(engine):
        poison.empty_retired(engine)


def note(engine: Engine) -> None:
    """Note a tick of the timer."""
    try:
        watermarks.note_timer(engine.ports.tables, engine.now)
    except FanfareError as error:
        fields = {"action": "tick", "reason": str(error)}
        log.warning("Tick not noted: another invocation may repeat it", extra=fields)


def look(engine: Engine) -> None:
    """Ask for a tick if the last one is too old, and nobody else asked.

    A process looks once a minute at most, which is one read.
    """
    now, last = engine.now, engine.looked.at
    if last is not None and now - last < _LOOKS_EVERY:
        return
    engine.looked.at = now
    try:
        seen = watermarks.last_tick(engine.ports.tables)
        if seen is not None and now - seen.at <= STOPPED_AFTER:
            return
        watermarks.claim_tick(engine.ports.tables, seen, now)
        if seen is not None:
            fields = {"action": "tick", "last": seen.at.isoformat()}
            log.warning("Timer has stopped: this invocation does its tick", extra=fields)
            engine.ask(WorkMessage(step=Step.TICK))
    except Conflict:
        return  # somebody else asked for it
    except FanfareError as error:
        log.warning("Last tick not read", extra={"action": "tick", "reason": str(error)})


def every_hour(engine: Engine) -> None:
    """Start runs whose events were lost, delete old jobs, then what old runs left.

    A failure of one does not stop the others.
    """
    engine = engine.begun()
    with ExitStack() as finally_:
        finally_.callback(retention.retain, engine)
        finally_.callback(reap, engine)
        lost_events.sweep_events(engine)


def reap(engine: Engine) -> int:
    """Delete jobs that completed long ago, while time lasts; return how many."""
    reaped = 0
    for _ in engine.ports.jobs.reap(engine.now - engine.patience.reap):
        reaped += 1
        if engine.time_is_up:
            break
    log.info("Jobs reaped", extra={"action": "reap", "jobs": reaped})
    return reaped
