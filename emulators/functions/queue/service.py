"""Storage queues as the host uses them: one client pool a connection, and the output binding."""

import base64
import binascii
import contextlib
import json
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue.aio import QueueClient, QueueServiceClient

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.app.settings import AppSettings, ByIdentity
from emulators.functions.errors import InvocationFailed
from emulators.functions.worker.wire import Datum, as_bytes

if TYPE_CHECKING:
    from azure.identity.aio import ManagedIdentityCredential

_RETRIES: dict[str, Any] = {"retry_total": 2, "retry_mode": "fixed", "retry_backoff_factor": 0.5}
_LOG = logging.getLogger("host.queues")


class QueueService:
    """Opens queues by connection name, writes output bindings and wakes the listeners of this
    host."""

    def __init__(self, settings: AppSettings, base64_encoded: bool) -> None:
        self._settings = settings
        self._base64 = base64_encoded
        self._services: dict[str | ByIdentity, QueueServiceClient] = {}
        self._credentials: list[ManagedIdentityCredential] = []
        self._waiters: dict[str, list[Callable[[], None]]] = {}

    def queue(self, connection: str, name: str) -> QueueClient:
        """Return a client for a queue; raises LookupError if the connection has no setting."""
        resolved = self._settings.queue_connection(connection or "AzureWebJobsStorage")
        service = self._services.get(resolved)
        if service is None:
            service = self._services[resolved] = self._open(resolved)
        return service.get_queue_client(name.lower())

    def _open(self, resolved: str | ByIdentity) -> QueueServiceClient:
        if isinstance(resolved, str):
            return QueueServiceClient.from_connection_string(resolved, **_RETRIES)
        # Half a second to import; a connection string never needs it.
        from azure.identity.aio import ManagedIdentityCredential  # noqa: PLC0415 see above

        credential = ManagedIdentityCredential(client_id=resolved.client_id or None)
        self._credentials.append(credential)
        return QueueServiceClient(resolved.endpoint, credential, **_RETRIES)

    def on_message(self, queue: str, wake: Callable[[], None]) -> None:
        """Call `wake` whenever this host puts a message into the queue, or hears of one."""
        self._waiters.setdefault(queue.lower(), []).append(wake)

    def ring(self, queue: str) -> None:
        """Wake the listeners of a queue."""
        for wake in self._waiters.get(queue.lower(), ()):
            wake()

    def encode(self, body: bytes) -> str:
        """Return a body in its stored form."""
        return (
            base64.b64encode(body).decode("ascii")
            if self._base64
            else body.decode("utf-8", "replace")
        )

    def decode(self, content: str) -> bytes:
        """Return the body of a stored message; raises ValueError if it has another encoding."""
        if not self._base64:
            return content.encode()
        try:
            return base64.b64decode(content, validate=True)
        except binascii.Error as error:
            raise ValueError("the message is not base64, which messageEncoding asks for") from error

    async def put(self, queue: QueueClient, content: str) -> None:
        """Put a message, create the queue if it is missing, and wake its listeners."""
        try:
            await queue.send_message(content)
        except ResourceNotFoundError:
            # Several invocations may find at once that the queue is missing.
            with contextlib.suppress(ResourceExistsError):
                await queue.create_queue()
            await queue.send_message(content)
        self.ring(queue.queue_name)

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
        except AzureError as error:
            reason = f"output {binding.name}: queue {queue.queue_name}: {error}"
            raise InvocationFailed(reason) from error

    async def close(self) -> None:
        """Close every client."""
        for service in self._services.values():
            await service.close()
        for credential in self._credentials:
            await credential.close()


def output_messages(datum: Datum) -> list[bytes]:
    """Split an output: each element of a JSON array is one message, all else is one message."""
    if datum["kind"] != "json":
        return [as_bytes(datum)]
    value = json.loads(str(datum["value"]))
    items = value if isinstance(value, list) else [value]
    return [(item if isinstance(item, str) else json.dumps(item)).encode() for item in items]
