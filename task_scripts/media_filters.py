"""Filters of pictures and sound: a chain of them, and the frames that come out of it."""

from collections.abc import Iterable, Iterator

import av
from av.filter.context import FilterContext


def chain(graph: av.filter.Graph, begin: FilterContext, parts: Iterable[tuple[str, str]]) -> None:
    """Add filters (name and options), one after another, and make the graph ready."""
    linked = begin
    for name, options in parts:
        following = graph.add(name, options)
        linked.link_to(following)
        linked = following
    graph.configure()


def filtered(
    graph: av.filter.Graph, frame: av.VideoFrame | av.AudioFrame | None
) -> Iterator[av.VideoFrame | av.AudioFrame]:
    """Yield what a frame becomes in the graph; None means the end."""
    graph.push(frame)
    while True:
        try:
            done = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        yield done
