"""The history of a run: what people, programs and triggers asked for, and when."""

from datetime import datetime

from pipeline.domain.runs.asking.askers import Asker
from pipeline.domain.runs.stored import Stored, Word

_KEPT = 20  # entries: the first one, and the latest


class Act(Word):
    """What somebody asked for."""

    START = "start"
    REDRIVE = "redrive"
    CANCEL = "cancel"
    PURGE = "purge"
    OTHER = "other"


class Asked(Stored):
    """One entry of a run's history: what was asked, by whom, when, and of which generation."""

    act: Act
    by: Asker
    at: datetime
    generation: int = 1


def with_entry(history: tuple[Asked, ...], entry: Asked) -> tuple[Asked, ...]:
    """Add an entry to a run's history; of a long one the first and the latest entries stay."""
    whole = (*history, entry)
    return whole if len(whole) <= _KEPT else (whole[0], *whole[1 - _KEPT :])


def latest(history: tuple[Asked, ...], generation: int, *acts: Act) -> Asker | None:
    """Return who asked last for one of these acts of a generation; None if nobody did."""
    return next(
        (e.by for e in reversed(history) if e.generation == generation and e.act in acts), None
    )
