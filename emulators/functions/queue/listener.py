"""The queue trigger: polls a queue, hides messages while they run, moves hopeless ones to
poison."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.queue import QueueMessage

from emulators.functions.app.definitions import Function
from emulators.functions.app.host_json import QueueOptions
from emulators.functions.app.invocations import Call, Invocations
from emulators.functions.errors import HostError
from emulators.functions.queue.backoff import PollBackoff
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.service import QueueService
from emulators.functions.timespans import Clock
from emulators.functions.worker.wire import Datum, binary, text

_LOG = logging.getLogger("host.queues")
_HIDE_S = 600.0
_RENEW_S = 300.0
_RENEW_AFTER_FAILURE_S = 60.0
_POISON = "-poison"
_MAX_QUEUE_NAME = 63


@dataclass
class Dequeued:
    """A message in hand; its pop receipt changes with every renewal."""

    id: str
    content: str
    dequeue_count: int
    pop_receipt: str
    metadata: dict[str, Datum]


@dataclass(frozen=True)
class ListenerContext:
    """What all listeners of this host share."""

    service: QueueService
    options: QueueOptions
    invocations: Invocations
    clock: Clock
    faults: Faults
    wait_ready: Callable[[], Awaitable[None]]


class QueueListener:
    """Serves one function with a queue trigger."""

    def __init__(self, function: Function, shared: ListenerContext) -> None:
        self._function = function
        self._shared = shared
        connection, name = function.trigger.text("connection"), function.trigger.text("queueName")
        self._queue = shared.service.queue(connection, name)
        self._poison = poison_name(self._queue.queue_name)
        self._poison_queue = self._poison and shared.service.queue(connection, self._poison)
        self._log = {"function": function.name, "queue": self._queue.queue_name}
        self._backoff = PollBackoff(shared.options.max_polling_s)
        self._running: set[asyncio.Task[None]] = set()
        self._bell = asyncio.Event()
        self._stopped = False
        shared.service.on_message(name, self._bell.set)

    async def run(self) -> None:
        """Poll until stopped; never hold more than batchSize + newBatchThreshold messages."""
        while not self._stopped:
            await self._shared.wait_ready()
            await self._wait_for_room()
            self._bell.clear()
            messages = [] if self._stopped else await self._receive()
            for message in messages:
                task = asyncio.create_task(self._process(message))
                self._running.add(task)
                task.add_done_callback(self._running.discard)
            if messages:
                self._backoff.reset()
            else:
                await self._sleep(self._backoff.next_delay())

    async def stop(self, drain_s: float) -> None:
        """Take no more messages and let those in hand finish; late ones become visible by
        themselves."""
        self._stopped = True
        self._bell.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _wait_for_room(self) -> None:
        while len(self._running) > self._shared.options.new_batch_threshold and not self._stopped:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _sleep(self, seconds: float) -> None:
        if not self._stopped:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._bell.wait()

    async def _receive(self) -> list[Dequeued]:
        options = self._shared.options
        try:
            pages = self._queue.receive_messages(
                max_messages=options.batch_size,
                messages_per_page=options.batch_size,
                visibility_timeout=self._shared.clock.visibility(_HIDE_S),
                retry_total=0,
            ).by_page()
            async for page in pages:
                received = [self._dequeued(message) async for message in page]
                return self._shared.faults.shuffled(received)
        except ResourceNotFoundError:
            _LOG.debug("The queue does not exist yet", extra=self._log)
        except AzureError as error:
            _LOG.warning("Polling failed", extra={**self._log, "error": str(error)})
        return []

    def _dequeued(self, message: QueueMessage) -> Dequeued:
        return Dequeued(
            id=str(message.id),
            content=str(message.content),
            dequeue_count=int(message.dequeue_count or 1),
            pop_receipt=str(message.pop_receipt),
            metadata={
                "Id": text(str(message.id)),
                "DequeueCount": text(str(message.dequeue_count)),
                "PopReceipt": text(str(message.pop_receipt)),
                "InsertionTime": text(
                    message.inserted_on.isoformat() if message.inserted_on else ""
                ),
                "ExpirationTime": text(
                    message.expires_on.isoformat() if message.expires_on else ""
                ),
                "NextVisibleTime": text(
                    message.next_visible_on.isoformat() if message.next_visible_on else ""
                ),
            },
        )

    async def _process(self, message: Dequeued) -> None:
        try:
            async with self._hidden(message):
                succeeded = await self._execute(message)
            if succeeded:
                await self._complete(message)
            elif message.dequeue_count >= self._shared.options.max_dequeue_count:
                await self._move_to_poison(message)
            else:
                await self._release(message)
        except HttpResponseError as error:
            # Usually another dequeue has replaced the pop receipt, so the message belongs to
            # someone else now.
            _LOG.warning(
                "The message could not be settled",
                extra={**self._log, "id": message.id, "error": str(error)},
            )
        except AzureError as error:
            _LOG.error("Storage failed", extra={**self._log, "id": message.id, "error": str(error)})

    async def _execute(self, message: Dequeued) -> bool:
        if message.dequeue_count > self._shared.options.max_dequeue_count:
            return False
        try:
            body = self._shared.service.decode(message.content)
        except ValueError as error:
            _LOG.error(
                "Undecodable message", extra={**self._log, "id": message.id, "error": str(error)}
            )
            message.dequeue_count = self._shared.options.max_dequeue_count
            return False
        try:
            self._shared.faults.maybe_fail()
            await self._shared.invocations.run(
                self._function, queue_call(body, message, self._queue.queue_name)
            )
        except HostError:
            return False
        return True

    @contextlib.asynccontextmanager
    async def _hidden(self, message: Dequeued) -> AsyncIterator[None]:
        """Keep the message invisible while the block runs; each renewal brings a new pop
        receipt."""
        done = asyncio.Event()
        renewal = asyncio.create_task(self._renew(message, done))
        try:
            yield
        finally:
            done.set()
            await renewal

    async def _renew(self, message: Dequeued, done: asyncio.Event) -> None:
        clock = self._shared.clock
        delay = _RENEW_S
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(clock.shorten(delay)):
                    await done.wait()
            if done.is_set():
                return
            try:
                await self._show_after(message, clock.visibility(_HIDE_S))
                delay = _RENEW_S
            except HttpResponseError as error:
                _LOG.warning(
                    "Renewal refused", extra={**self._log, "id": message.id, "error": str(error)}
                )
                return
            except AzureError as error:
                _LOG.warning(
                    "Renewal failed", extra={**self._log, "id": message.id, "error": str(error)}
                )
                delay = _RENEW_AFTER_FAILURE_S

    async def _show_after(self, message: Dequeued, seconds: int) -> None:
        updated = await self._queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=seconds
        )
        message.pop_receipt = str(updated.pop_receipt)

    async def _complete(self, message: Dequeued) -> None:
        if self._shared.faults.loses_delete():
            await self._show_after(message, 1)
            return
        await self._queue.delete_message(message.id, message.pop_receipt)

    async def _release(self, message: Dequeued) -> None:
        seconds = self._shared.clock.visibility(self._shared.options.visibility_s)
        await self._show_after(message, seconds)
        if seconds == 0:
            self._bell.set()

    async def _move_to_poison(self, message: Dequeued) -> None:
        if not self._poison_queue:
            _LOG.error(
                "Too many attempts, and no poison queue", extra={**self._log, "id": message.id}
            )
            return
        _LOG.error(
            "Too many attempts: moved to the poison queue",
            extra={
                **self._log,
                "id": message.id,
                "attempts": message.dequeue_count,
                "poison": self._poison,
            },
        )
        await self._shared.service.put(self._poison_queue, message.content)
        await self._queue.delete_message(message.id, message.pop_receipt)


def queue_call(body: bytes, message: Dequeued | None, queue: str) -> Call:
    """Return what a queue message passes to its function: text if it is UTF-8, else bytes."""
    try:
        decoded = body.decode("utf-8")
        data, shown = text(decoded), decoded
    except UnicodeDecodeError:
        data, shown = binary(body), body.hex()
    metadata = {
        **(message.metadata if message else {"DequeueCount": text("1")}),
        "QueueTrigger": text(shown),
    }
    return Call(f"New queue message detected on '{queue}'.", data, metadata)


def poison_name(queue: str) -> str:
    """Return the name of the poison queue, or None if there can be none."""
    name = queue + _POISON
    return "" if queue.endswith(_POISON) or len(name) > _MAX_QUEUE_NAME else name
