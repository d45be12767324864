"""Repeats a transfer if the trouble looks temporary."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from emulators.batch.transfer.blobs import BlobRefused

_DELAYS_S = (0.2, 1.0, 3.0)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


async def persistently[T](action: Callable[[], Awaitable[T]]) -> T:
    """Run an action up to a few times; raise the last failure."""
    for delay_s in _DELAYS_S:
        try:
            return await action()
        except BlobRefused as error:
            if error.status not in _PASSING:
                raise
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, TimeoutError):
            pass
        await asyncio.sleep(delay_s)
    return await action()
