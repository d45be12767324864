"""The custom topic in memory: it keeps the published events."""

import json
from collections.abc import Mapping

from pipeline.adapters import limits


class FakeEvents:
    """Published CloudEvents, in order and with duplicates."""

    def __init__(self) -> None:
        self.published: list[dict[str, object]] = []

    def publish(self, event: Mapping[str, object]) -> None:
        limits.check_event(event)
        self.published.append(json.loads(json.dumps(dict(event))))
