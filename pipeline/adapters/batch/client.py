"""The one client of Azure Batch, and what its error codes mean to the engine."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import RetryPolicy
from azure.core.rest import HttpRequest, HttpResponse

from pipeline.adapters.identity.credentials import identity
from pipeline.adapters.translate import BATCH, code_of, status_of, translate
from pipeline.adapters.transport import transport_to_batch
from pipeline.errors import JobGone, Permanent, QuotaReached, Transient
from pipeline.settings import Settings

API_VERSION = "2025-06-01"
JOB_EXISTS = frozenset({"JobExists", "JobWithSameIdExists"})
JOB_GONE = frozenset(
    {"JobNotFound", "JobCompleted", "JobBeingTerminated", "JobBeingDeleted", "JobNotActive"}
)
_QUOTA = frozenset({"ActiveJobAndScheduleQuotaReached", "PoolQuotaReached"})
_BUSY = frozenset({"PoolBeingResized", "PoolBeingCreated", "OperationInvalidForCurrentState"})
_CONFLICT = 409
_LONGEST_WAIT_S = 20.0  # three of them are a tenth of an invocation's time


class _Retries(RetryPolicy[HttpRequest, HttpResponse]):
    """The SDK's retries, but for a wait that belongs to a message and not to an invocation."""

    def is_retry(self, settings: dict[str, Any], response: PipelineResponse[Any, Any]) -> bool:
        """Return whether to sleep and try again; a throttled account may ask for hours."""
        asked = self.get_retry_after(response) or 0.0
        return asked <= _LONGEST_WAIT_S and super().is_retry(settings, response)


@cache
def connect(settings: Settings) -> BatchClient:
    """Connect to the Batch account as `opened` does, once a process."""
    return opened(settings)


def opened(settings: Settings) -> BatchClient:
    """Open a client of the Batch account: with its key locally, with an identity in Azure."""
    endpoint, key = settings.batch_endpoint, settings.batch_key
    credential = (
        AzureNamedKeyCredential(settings.batch_account, key)
        if key
        else identity(settings.client_id)
    )
    return BatchClient(
        endpoint,
        credential,
        api_version=API_VERSION,
        transport=transport_to_batch(endpoint),
        retry_policy=_Retries(retry_read=1),
    )


@contextmanager
def batch(action: str) -> Iterator[None]:
    """Raise the SDK's errors in a block as the engine's own, chosen by their code."""
    try:
        yield
    except AzureError as error:
        code = code_of(error)
        if code in JOB_GONE:
            raise JobGone(f"{action}: {code}") from error
        if code in _QUOTA:
            raise QuotaReached(f"{action}: {code}") from error
        if code in _BUSY:
            raise Transient(f"{action}: {code}") from error
        if status_of(error) == _CONFLICT:
            # Batch answers 409 for every unsuitable state, although nobody else changed anything.
            raise Permanent(f"{action}: {code}") from error
        raise translate(error, action, BATCH) from error


def send(
    client: BatchClient,
    method: str,
    path: str,
    body: Mapping[str, object] | None = None,
    etag: str = "",
) -> str:
    """Send a request without waiting for its effect; the SDK's own begin_* methods would wait.

    With an eTag it holds only while the resource has that. Returns the eTag of the answer, or "".
    """
    content = None if body is None else json.dumps(body)
    response = _respond(client, method, path, content, {"If-Match": etag} if etag else {})
    return str(response.headers.get("ETag") or "")


def post(client: BatchClient, path: str, content: str) -> object:
    """Post JSON that is written already; return the JSON of the answer, or None for another."""
    try:
        return _respond(client, "POST", path, content, {}).json()
    except ValueError:
        return None


def _respond(
    client: BatchClient, method: str, path: str, content: str | None, headers: dict[str, str]
) -> HttpResponse:
    if content is not None:
        headers = {**headers, "Content-Type": "application/json; odata=minimalmetadata"}
    request = HttpRequest(
        method, path, params={"api-version": API_VERSION}, headers=headers, content=content
    )
    response = client.send_request(request)
    if response.status_code >= 400:  # noqa: PLR2004 the SDK's policy raises before this
        raise HttpResponseError(response=response)
    return response


def time_literal(time: datetime) -> str:
    """Return a time as Batch's filters write it."""
    return f"DateTime'{time.astimezone(UTC).strftime('%Y-%m-%dT%H:%M:%S.%fZ')}'"
