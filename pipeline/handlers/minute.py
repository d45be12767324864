"""What happens every minute: in one execution, since each is billed for a second at least."""

from pipeline.handlers import sweep, tick
from pipeline.handlers.engine import Engine


def every_minute(engine: Engine) -> None:
    """Start what schedules are due for, then find what any arrow lost; if one fails, the other
    happens all the same.
    """
    try:
        tick.on_tick(engine)
    finally:
        sweep.sweep(engine)
