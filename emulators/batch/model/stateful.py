"""What every resource has: a state with its history, and a version that only a user's change
moves."""

import itertools
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.model.identity import etag, later_etag
from emulators.batch.model.states import check_move

_serials = itertools.count(1)


def next_serial() -> int:
    """Return a number above all earlier ones; lists are in this order, page by page."""
    return next(_serials)


@dataclass(slots=True, kw_only=True)
class Stateful[S: StrEnum]:
    """A resource's state and version; timestamps are kept as the service writes them."""

    state: S
    created: str
    since: str = ""
    changed: str = ""
    etag: str = field(default="")
    previous: str = ""
    previous_since: str = ""

    def __post_init__(self) -> None:
        self.since = self.since or self.created
        self.changed = self.changed or self.created
        self.etag = self.etag or etag(parse_stamp(self.created))

    def move(self, target: S, at: datetime) -> None:
        """Change the state; raises IllegalMove and changes nothing if the table lacks the move."""
        check_move(self.state, target)
        self.previous, self.previous_since = self.state, self.since
        self.state, self.since = target, stamp(at)

    def edited(self, at: datetime) -> None:
        """Note a user's change: set a new ETag and last-modified time."""
        self.changed, self.etag = stamp(at), later_etag(self.etag, at)

    def history(self) -> Doc:
        """Return the properties that every resource shows."""
        shown: Doc = {
            "eTag": self.etag,
            "lastModified": self.changed,
            "creationTime": self.created,
            "state": str(self.state),
            "stateTransitionTime": self.since,
        }
        if self.previous:
            shown["previousState"] = str(self.previous)
            shown["previousStateTransitionTime"] = self.previous_since
        return shown

    def saved_history(self) -> Doc:
        """Return the values from which the constructor builds the same state again."""
        return {
            "state": str(self.state),
            "created": self.created,
            "since": self.since,
            "changed": self.changed,
            "etag": self.etag,
            "previous": str(self.previous),
            "previous_since": self.previous_since,
        }
