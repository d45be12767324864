"""The custom topic in memory: it keeps what was published."""

import json
from collections.abc import Mapping

from pipeline.adapters import limits
from pipeline.errors import Permanent

REQUIRED = ("id", "source", "type")


class FakeEvents:
    """Published CloudEvents, in order, repeats included."""

    def __init__(self) -> None:
        self.published: list[dict[str, object]] = []

    def publish(self, event: Mapping[str, object]) -> None:
        missing = [name for name in REQUIRED if not event.get(name)]
        if missing:
            raise Permanent(f"The event lacks {', '.join(missing)}.")
        text = json.dumps(dict(event))
        if len(text.encode()) > limits.MAX_EVENT_BYTES:
            raise Permanent("The event is larger than a topic takes.")
        self.published.append(json.loads(text))
