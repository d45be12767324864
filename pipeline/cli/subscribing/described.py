"""Describes subscriptions for people and programs, as Event Grid or its emulator has them. Pure."""

from collections.abc import Mapping

from pipeline.cli.subscribing.endpoints import base_of
from pipeline.domain.texts.visible import visible

type Row = dict[str, object]


def described(name: str, properties: Mapping[str, object]) -> Row:
    """Say where the events go, without the query of a URL, and which; empty lists mean all."""
    destination = _mapping(properties.get("destination")) or _mapping(
        _mapping(properties.get("deliveryWithResourceIdentity")).get("destination")
    )
    only = _mapping(properties.get("filter"))
    return {
        "name": visible(name),
        "target": visible(_target(destination)),
        "pipelines": [
            visible(str(value))
            for each in _listed(only.get("advancedFilters"))
            if _mapping(each).get("key") == "data.pipeline"
            for value in _listed(_mapping(each).get("values"))
        ],
        "verdicts": [
            visible(str(kind).rpartition(".")[2])
            for kind in _listed(only.get("includedEventTypes"))
        ],
    }


def _target(destination: Mapping[str, object]) -> str:
    """Name the target; Azure shows no more of a URL than its base."""
    where = _mapping(destination.get("properties"))
    url = where.get("endpointUrl") or where.get("endpointBaseUrl")
    if url:
        return base_of(str(url))
    if where.get("queueName"):
        return f"the queue {where['queueName']}"
    last = str(where.get("resourceId") or "").rpartition("/")[2]
    return f"{destination.get('endpointType') or 'somewhere'} {last}".strip()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
