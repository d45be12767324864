"""Keeps the error of one unit of a timer's work from the others."""

from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import FanfareError
from pipeline.handlers.engine import log


@contextmanager
def apart(unit: str, **about: str) -> Iterator[None]:
    """Keep the error of one unit of work from the others; the next sweep does this unit again."""
    try:
        yield
    except FanfareError as error:
        log.warning(
            "Sweep failed for one unit: the next sweep does it again",
            extra={"action": "sweep", "unit": unit, **about, "reason": str(error)},
        )
    except ValueError as error:  # somebody else changed a blob or a row
        log.exception(
            "Sweep failed for one unit: its content cannot be read",
            extra={"action": "sweep", "unit": unit, **about, "reason": type(error).__name__},
        )
