"""Chains of pipelines: the end of one's run starts the next. A cycle would never end."""

from collections.abc import Collection, Iterator, Mapping

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.notation.spelling import nearest


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
            yield name, f"its runs would start the pipeline itself: {' → '.join([*way, name])}"


def strangers(
    pipelines: Mapping[str, Pipeline], known: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield each pipeline that follows one which is not there, with the reason."""
    for name, pipeline in pipelines.items():
        trigger = pipeline.trigger.run
        if trigger and trigger.pipeline not in known:
            hint = nearest(trigger.pipeline, known)
            yield name, f"there is no pipelines/{trigger.pipeline}.yaml{hint}"


def _starts(producer: str, consumer: Pipeline) -> bool:
    """Return whether a run of the producer starts one of the consumer."""
    return consumer.trigger.run is not None and consumer.trigger.run.pipeline == producer


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
