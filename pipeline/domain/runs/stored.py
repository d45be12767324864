"""The base of everything that is stored or sent, and that another release may read.

While an update rolls out, and after a rollback, two releases work on the same runs. So names of
columns, fields, messages and definition keys never change their meaning; a release adds. A reader
ignores what it does not know and leaves it where it is. A new value of a list of words (a state, a
cause) is read by one release before the next one writes it. `tests/compatibility` holds this
against the worlds that earlier releases left.
"""

from pydantic import BaseModel, ConfigDict


class Stored(BaseModel):
    """A value that other releases write or read: immutable, and silent about what is unknown."""

    model_config = ConfigDict(frozen=True, extra="ignore")
