"""The queue trigger: polls a queue, and hands what it receives to the processor."""

import asyncio
import contextlib
import logging

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)

from emulators.functions.app.definitions import Function
from emulators.functions.queue.backoff import PollBackoff
from emulators.functions.queue.messages import Dequeued, dequeued
from emulators.functions.queue.processor import HIDE_S, ListenerContext, MessageProcessor

_LOG = logging.getLogger("host.queues")
_ABSENT, _BEING_DELETED, _SERVER_ERROR = 404, 409, 500


class QueueListener:
    """Serves one function with a queue trigger."""

    def __init__(
        self, function: Function, shared: ListenerContext, backoff: PollBackoff | None = None
    ) -> None:
        self._shared = shared
        connection, name = function.trigger.text("connection"), function.trigger.text("queueName")
        self._queue = shared.service.queue(connection, name)
        self._processor = MessageProcessor(function, self._queue, shared)
        self._log = {"function": function.name, "queue": self._queue.queue_name}
        self._backoff = backoff or PollBackoff(shared.options.max_polling_s)
        self._running: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._stopping = asyncio.Event()
        self._exists = False
        shared.service.on_message(name, self._bell.set)

    async def run(self) -> None:
        """Poll until stopped; never hold more than batchSize + newBatchThreshold messages."""
        while not self._stopping.is_set():
            await self._shared.wait_ready()
            await self._wait_for_room()
            if self._stopping.is_set():
                return
            self._bell.clear()
            try:
                messages = await self._received_before_stop()
            except AzureError as error:
                self._shared.crash(error)
                return
            for message in messages:
                task = asyncio.create_task(self._processor.process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                self._backoff.reset()
            else:
                await self._sleep(self._backoff.next_delay())

    async def stop(self, drain_s: float) -> None:
        """Take no more messages and let those in hand be settled.

        A receive is cut, and what storage handed out to it stays hidden. So do the messages that
        are not settled in time.
        """
        self._stopping.set()
        self._bell.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _wait_for_room(self) -> None:
        limit = self._shared.options.new_batch_threshold
        while len(self._running) > limit and not self._stopping.is_set():
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _sleep(self, seconds: float) -> None:
        if not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._bell.wait()

    async def _received_before_stop(self) -> list[Dequeued]:
        receive = asyncio.create_task(self._receive())
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({receive, stop}, return_when=asyncio.FIRST_COMPLETED)
            return receive.result() if receive.done() and not stop.done() else []
        finally:
            for task in (receive, stop):
                task.cancel()
            await asyncio.gather(receive, stop, return_exceptions=True)

    async def _receive(self) -> list[Dequeued]:
        """Receive one batch; raises AzureError for what only a new host can mend.

        A queue that is missing is asked for by name, until it is there.
        """
        try:
            if not self._exists:
                await self._queue.get_queue_properties()
                self._exists = True
            received = await self._next_batch()
        except (HttpResponseError, ServiceRequestError, ServiceResponseError) as error:
            self._exists = False
            status = getattr(error, "status_code", None)
            if status is None or status >= _SERVER_ERROR:
                _LOG.warning("Polling failed", extra={**self._log, "error": str(error)})
            elif status not in (_ABSENT, _BEING_DELETED):
                raise
            return []
        return self._shared.faults.shuffled(
            [message for message in received if await self._is_decoded(message)]
        )

    async def _next_batch(self) -> list[Dequeued]:
        size = self._shared.options.batch_size
        pages = self._queue.receive_messages(
            max_messages=size,
            messages_per_page=size,
            visibility_timeout=self._shared.clock.visibility(HIDE_S),
        ).by_page()
        async for page in pages:
            return [dequeued(message) async for message in page]
        return []

    async def _is_decoded(self, message: Dequeued) -> bool:
        """Decode a message, or move it to poison before any function of its batch starts."""
        try:
            message.body = self._shared.service.decode(message.content)
        except ValueError as error:
            _LOG.error(
                "Undecodable message", extra={**self._log, "id": message.id, "error": str(error)}
            )
            await self._processor.poison(message, message.content)
            return False
        return True
