"""Chains of pipelines: the output of one starts the next. A cycle would never end."""

from collections.abc import Iterator, Mapping

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.runs.naming import OUTPUT


def chain_cycles(pipelines: Mapping[str, Pipeline]) -> Iterator[tuple[str, str]]:
    """Yield one pipeline of each cycle, with a text that spells the cycle out."""
    starts = {
        name: [other for other in sorted(pipelines) if _starts(name, pipelines[other])]
        for name in sorted(pipelines)
    }
    reported: set[str] = set()
    for name in starts:
        way = _way_back(name, starts)
        if way and name not in reported:
            reported.update(way)
            yield name, f"its output would start the pipeline itself: {' → '.join([*way, name])}"


def _starts(producer: str, consumer: Pipeline) -> bool:
    """Return whether some output of the producer can match the consumer's blob trigger."""
    trigger = consumer.trigger.blob
    if trigger is None or trigger.container != OUTPUT:
        return False
    folder = f"{producer}/"
    return trigger.prefix.startswith(folder) or folder.startswith(trigger.prefix)


def _way_back(start: str, starts: Mapping[str, list[str]]) -> list[str]:
    """Find the shortest chain from a pipeline back to itself; empty if there is none."""
    seen: set[str] = set()
    ways = [[start]]
    while ways:
        way = ways.pop(0)
        for following in starts[way[-1]]:
            if following == start:
                return way
            if following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []
