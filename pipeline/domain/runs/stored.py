"""The base of all values that are stored or sent, and that another release may read.

While an update rolls out, and after a rollback, two releases work on the same runs. So names of
columns, fields, messages and definition keys never change their meaning; a release only adds. A
reader ignores what it does not know and leaves it in place. One release learns to read a new word
(a state, a cause) before the next one writes it. `tests/compatibility` checks all this against data
that earlier releases left.
"""

from enum import StrEnum
from typing import Self

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """A value that other releases write or read: immutable; unknown fields are ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Word(StrEnum):
    """A word of a list to which later releases add; one that is not in it reads as the last."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        return list(cls)[-1] if isinstance(value, str) else None
