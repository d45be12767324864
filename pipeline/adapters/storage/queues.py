"""Storage queues through azure-storage-queue; bodies are Base64 on the wire."""

import base64
import binascii
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import cache

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueServiceClient

from pipeline.adapters import limits
from pipeline.adapters.identity.credentials import storage_account
from pipeline.adapters.translate import STORAGE, code_of, translate, translated
from pipeline.adapters.transport import transport_to
from pipeline.errors import Transient
from pipeline.ports.queues import MAX_PEEKED, MISSING, QueueMessage
from pipeline.settings import Settings

_HIDDEN_S = 300
_PAGE = 32
_NEVER = -1  # by default the service drops a message after seven days


class AzureQueues:
    """The queues port."""

    def __init__(self, service: QueueServiceClient) -> None:
        self._queue: Callable[[str], QueueClient] = cache(service.get_queue_client)

    def send(self, queue: str, body: str, delay: timedelta = timedelta()) -> QueueMessage:
        """Send a message that becomes visible after `delay`; return it, so that it can be deleted.

        Nobody can delete it by that any more when somebody has received it. A queue that is not
        there is Transient: somebody deleted it, and whoever sends has to go on when it is back.
        """
        text = base64.b64encode(body.encode()).decode()
        limits.check_message(text)
        seconds = int(delay.total_seconds())
        with translated(f"send to {queue}"):
            try:
                sent = self._queue(queue).send_message(
                    text, visibility_timeout=seconds, time_to_live=_NEVER
                )
            except ResourceNotFoundError as error:
                missing = Transient(MISSING.format(queue=queue))
                missing.service = STORAGE
                raise missing from error
        return QueueMessage(str(sent.id), body, str(sent.pop_receipt), dequeue_count=0)

    def receive(self, queue: str, limit: int) -> list[QueueMessage]:
        """Receive up to `limit` messages, in calls of 32, and hide them for five minutes."""
        taken: list[QueueMessage] = []
        try:
            for message in self._take(queue, limit):
                taken.append(message)
        except AzureError as error:
            # The messages received so far are hidden now: it is better to handle them at once.
            if not taken:
                raise translate(error, f"receive from {queue}") from error
        return taken

    def _take(self, queue: str, limit: int) -> Iterator[QueueMessage]:
        received = self._queue(queue).receive_messages(
            messages_per_page=min(_PAGE, limit), visibility_timeout=_HIDDEN_S, max_messages=limit
        )
        for message in received:
            yield QueueMessage(
                str(message.id),
                _decode(str(message.content)),
                str(message.pop_receipt),
                int(message.dequeue_count or 1),
            )

    def peek(self, queue: str, limit: int) -> list[QueueMessage]:
        """Return up to `limit` of the first 32 visible messages, and leave them as they are.

        They have no receipt, so they cannot be deleted by it.
        """
        if limit < 1:
            return []
        with translated(f"look into {queue}"):
            found = self._queue(queue).peek_messages(min(limit, MAX_PEEKED))
        return [
            QueueMessage(
                str(message.id), _decode(str(message.content)), "", int(message.dequeue_count or 0)
            )
            for message in found
        ]

    def delete(self, queue: str, message: QueueMessage) -> None:
        """Delete a received message; one that is gone or was redelivered is fine."""
        with translated(f"delete a message of {queue}"):
            try:
                self._queue(queue).delete_message(message.id, message.receipt)
            except AzureError as error:
                if code_of(error) not in ("MessageNotFound", "PopReceiptMismatch"):
                    raise


def connect(settings: Settings) -> AzureQueues:
    """Connect to the account's queues."""
    account = storage_account(settings)
    return AzureQueues(
        QueueServiceClient(
            account.queue,
            credential=account.credential(settings),
            transport=transport_to(account.queue),
            initial_backoff=1,
            increment_base=2,
        )
    )


def _decode(content: str) -> str:
    """Return the text; content that is not Base64 is passed on, and the parser refuses it."""
    try:
        return base64.b64decode(content, validate=True).decode(errors="replace")
    except (binascii.Error, ValueError):
        return content
