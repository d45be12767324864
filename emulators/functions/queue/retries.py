"""How often a request to storage is tried: like the .NET client in the host of Azure."""

import asyncio
import random
from typing import Any

from azure.core.exceptions import ServiceRequestError, ServiceResponseError
from azure.core.pipeline import PipelineRequest, PipelineResponse
from azure.core.pipeline.policies import AsyncHTTPPolicy

_RETRIED = frozenset({408, 429, 500, 502, 503, 504})
_RETRIES = 5
_FIRST_S = 0.8
_JITTER = 0.2
# Other policies of the client leave these for its own retries.
_OPTIONS = ("hosts", "retry_total", "retry_to_secondary")


class StorageRetry(AsyncHTTPPolicy[Any, Any]):
    """Six tries within some 25 seconds: after an error of the server, or a lost connection.

    These seconds are real ones, because a storage that comes back takes real time too.
    """

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def send(self, request: PipelineRequest[Any]) -> PipelineResponse[Any, Any]:
        """Send a request until it gets another answer, or the last one."""
        options = request.context.options
        location = options.pop("location_mode", None)
        for name in _OPTIONS:
            options.pop(name, None)
        for number in range(_RETRIES):
            try:
                response = await self.next.send(request)
            except (ServiceRequestError, ServiceResponseError):
                pass
            else:
                if response.http_response.status_code not in _RETRIED:
                    break
            jitter = self._chance.uniform(1 - _JITTER, 1 + _JITTER)
            await asyncio.sleep(_FIRST_S * 2.0**number * jitter)
        else:
            response = await self.next.send(request)
        response.http_response.location_mode = location
        return response
