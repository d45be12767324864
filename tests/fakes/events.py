"""The custom topic in memory: it keeps published events, and the subscriptions of a local stack."""

import json
from collections.abc import Mapping

from pipeline.adapters import limits
from pipeline.cli.stack.grid import Refused


class FakeEvents:
    """Published CloudEvents, in order and with duplicates."""

    def __init__(self) -> None:
        self.published: list[dict[str, object]] = []

    def publish(self, event: Mapping[str, object]) -> None:
        limits.check_event(event)
        self.published.append(json.loads(json.dumps(dict(event))))


class FakeGrid:
    """Subscriptions by topic and name; endpoints in `silent` do not take events."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str], Mapping] = {}
        self.silent: set[str] = set()

    def subscriptions(self, topic: str) -> dict[str, Mapping]:
        return {name: held for (where, name), held in self.held.items() if where == topic}

    def find(self, topic: str, name: str) -> Mapping | None:
        return self.held.get((topic, name))

    def create(self, topic: str, name: str, properties: Mapping) -> None:
        url = properties["destination"]["properties"].get("endpointUrl")
        if url in self.silent:
            raise Refused(name, f"{name}: the handshake failed: the endpoint cannot be reached.")
        self.held[topic, name] = properties

    def delete(self, topic: str, name: str) -> bool:
        return self.held.pop((topic, name), None) is not None
