"""Makes several calls of a service at once, in threads; a single call needs none."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

_AT_ONCE = 8


def each[A, R](call: Callable[[A], R], arguments: Sequence[A]) -> Iterator[R]:
    """Make a call for each argument, at most 8 at a time; yield the answers in their order.

    The first call that raises ends it. One that is alone is made in this thread: a thread costs
    more than many a call.
    """
    if len(arguments) <= 1:
        yield from map(call, arguments)
        return
    with ThreadPoolExecutor(min(_AT_ONCE, len(arguments))) as pool:
        yield from pool.map(call, arguments)
