"""The custom topic in memory: it keeps what was published."""

import json
from collections.abc import Mapping

from pipeline.adapters import limits


class FakeEvents:
    """Published CloudEvents, in order, repeats included."""

    def __init__(self) -> None:
        self.published: list[dict[str, object]] = []

    def publish(self, event: Mapping[str, object]) -> None:
        limits.check_event(event)
        self.published.append(json.loads(json.dumps(dict(event))))
