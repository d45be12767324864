"""Runs a function again by its retry policy, within one occurrence or one dequeue."""

from collections.abc import Awaitable, Callable

from emulators.functions.app.definitions import Function
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import InvocationFailed
from emulators.functions.worker.wire import Retry


async def run_with_retries(
    invocations: Invocations,
    function: Function,
    call: Call,
    wait: Callable[[float], Awaitable[bool]],
) -> None:
    """Run a function until it succeeds; raises the last InvocationFailed.

    `wait` waits the given seconds, and tells whether to go on.
    """
    retry = function.retry
    limit = retry["max_retry_count"] if retry else 0
    count = 0
    while True:
        try:
            await invocations.run(function, call.attempt(count, limit))
        except InvocationFailed:
            over = retry is None or 0 <= limit <= count
            if retry is None or over or not await wait(retry_delay(retry, count)):
                raise
        else:
            return
        count += 1


def retry_delay(retry: Retry, count: int) -> float:
    """Return the wait before retry number `count` + 1, in seconds."""
    if retry["strategy"] == "fixed_delay":
        return retry["delay_s"]
    return min(retry["maximum_s"], max(retry["minimum_s"], 1.0) * 2.0 ** min(count, 30))
