"""Tries a transfer again when the trouble looks like passing by."""

import asyncio
from collections.abc import Awaitable, Callable

import aiohttp

from emulators.batch.transfer.blobs import BlobRefused

_DELAYS_S = (0.2, 1.0, 3.0)
_PASSING = frozenset({408, 429, 500, 502, 503, 504})


async def persistently[T](action: Callable[[], Awaitable[T]]) -> T:
    """Do something, a few times if need be; the last failure is raised."""
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
