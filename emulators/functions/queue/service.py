"""Storage queues as the host uses them: one client pool a connection, and the output binding."""

import base64
import contextlib
import json
import logging
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.core.pipeline.transport import AsyncHttpTransport
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.app.settings import AppSettings, ByIdentity
from emulators.functions.errors import InvocationFailed
from emulators.functions.queue.retries import StorageRetry
from emulators.functions.worker.wire import Datum, as_bytes

if TYPE_CHECKING:
    from azure.identity.aio import ManagedIdentityCredential

_LOG = logging.getLogger("host.queues")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*", re.ASCII)
_SHORTEST_NAME, _LONGEST_NAME = 3, 63
_BASE64_SPACE = re.compile(r"[ \t\r\n]")


@dataclass(frozen=True)
class QueueAccess:
    """How queues are opened and written to.

    `wake`: an output, or a ring of the doorbell, ends the wait of its queue's listeners. Azure
    lets them sleep. `chance` spreads retries; `transport` replaces HTTP.
    """

    settings: AppSettings
    base64: bool
    wake: bool = False
    chance: random.Random = field(default_factory=random.Random)
    transport: AsyncHttpTransport[Any, Any] | None = None


class QueueService:
    """Opens queues by connection name, writes output bindings, and knows who waits for a queue."""

    def __init__(self, access: QueueAccess) -> None:
        self._access = access
        self._services: dict[str | ByIdentity, QueueServiceClient] = {}
        self._credentials: list[ManagedIdentityCredential] = []
        self._waiters: dict[str, list[Callable[[], None]]] = {}

    def queue(self, connection: str, name: str) -> QueueClient:
        """Return a client for a queue; raises LookupError without a setting for the connection,
        and ValueError for a name that no queue can have."""
        resolved = self._access.settings.queue_connection(connection or "AzureWebJobsStorage")
        service = self._services.get(resolved)
        if service is None:
            service = self._services[resolved] = self._open(resolved)
        return service.get_queue_client(valid_name(name.lower()))

    def _open(self, resolved: str | ByIdentity) -> QueueServiceClient:
        options: dict[str, Any] = {"retry_policy": StorageRetry(self._access.chance)}
        if self._access.transport is not None:
            options["transport"] = self._access.transport
        if isinstance(resolved, str):
            return QueueServiceClient.from_connection_string(resolved, **options)
        # Half a second to import; a connection string never needs it.
        from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415 see above

        credential = ManagedIdentityCredential(client_id=resolved.client_id or None)
        self._credentials.append(credential)
        return QueueServiceClient(resolved.endpoint, credential, **options)

    def on_message(self, queue: str, wake: Callable[[], None]) -> None:
        """Call `wake` whenever a message is known to be in the queue."""
        self._waiters.setdefault(queue.lower(), []).append(wake)

    def ring(self, queue: str) -> None:
        """Wake the listeners of a queue."""
        for wake in self._waiters.get(queue.lower(), ()):
            wake()

    def encode(self, body: bytes) -> str:
        """Return a body in its stored form."""
        if self._access.base64:
            return base64.b64encode(body).decode("ascii")
        return body.decode("utf-8", "replace")

    def decode(self, content: str) -> bytes:
        """Return the body of a stored message; raises ValueError if it has another encoding.

        White space in Base64 does not count, and neither do its unused bits.
        """
        if not self._access.base64:
            return content.encode()
        try:
            return base64.b64decode(_BASE64_SPACE.sub("", content), validate=True)
        except ValueError as error:
            raise ValueError("the message is not base64, which messageEncoding asks for") from error

    async def put(self, queue: QueueClient, content: str) -> None:
        """Put a message, and create the queue if it is missing."""
        try:
            await queue.send_message(content)
        except ResourceNotFoundError:
            # Several invocations may find at once that the queue is missing.
            with contextlib.suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.send_message(content)

    async def send_outputs(self, function: Function, outputs: dict[str, Datum]) -> None:
        """Write the outputs of a function to its queues; raises InvocationFailed if one refuses."""
        for binding in function.outputs:
            datum = outputs.get(binding.name)
            if binding.type == "queue" and datum is not None:
                await self._send_output(binding, datum)

    async def _send_output(self, binding: Binding, datum: Datum) -> None:
        queue = self.queue(binding.text("connection"), binding.text("queueName"))
        try:
            for body in output_messages(datum):
                await self.put(queue, self.encode(body))
                if self._access.wake:
                    self.ring(queue.queue_name)
        except AzureError as error:
            reason = f"output {binding.name}: queue {queue.queue_name}: {error}"
            raise InvocationFailed(reason) from error

    async def close(self) -> None:
        """Close every client."""
        for service in self._services.values():
            await service.close()
        for credential in self._credentials:
            await credential.close()


def valid_name(queue: str) -> str:
    """Return the name of a queue; raises ValueError if no queue can have it."""
    if not (_NAME.fullmatch(queue) and _SHORTEST_NAME <= len(queue) <= _LONGEST_NAME):
        raise ValueError(
            f"{queue!r} cannot name a queue: 3 to 63 small letters, digits and single hyphens"
        )
    return queue


def output_messages(datum: Datum) -> list[bytes]:
    """Split an output: each element of a JSON array is one message, all else is one message."""
    if datum["kind"] != "json":
        return [as_bytes(datum)]
    value = json.loads(str(datum["value"]))
    items = value if isinstance(value, list) else [value]
    return [(item if isinstance(item, str) else json.dumps(item)).encode() for item in items]
