"""Runs a function for one message: keeps it hidden, then deletes, releases or poisons it."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.queue.aio import QueueClient

from emulators.functions.app.definitions import Function
from emulators.functions.app.host_json import QueueOptions
from emulators.functions.app.invocations import Invocations
from emulators.functions.app.retries import run_with_retries
from emulators.functions.errors import HostError
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.messages import Dequeued, queue_call
from emulators.functions.queue.service import QueueService
from emulators.functions.timespans import Clock

_LOG = logging.getLogger("host.queues")
HIDE_S = 600.0
_RENEW_S = 300.0
_POISON = "-poison"
_MAX_QUEUE_NAME = 63
_NOT_FOUND = 404
_SOMEBODY_ELSES = "PopReceiptMismatch"


@dataclass(frozen=True)
class ListenerContext:
    """What all listeners of this host share; `crash` takes an error that ends the host."""

    service: QueueService
    options: QueueOptions
    invocations: Invocations
    clock: Clock
    faults: Faults
    wait_ready: Callable[[], Awaitable[None]]
    crash: Callable[[BaseException], None]


class MessageProcessor:
    """Handles the messages of one function's queue."""

    def __init__(self, function: Function, queue: QueueClient, shared: ListenerContext) -> None:
        self._function = function
        self._queue = queue
        self._shared = shared
        self._as_bytes = function.trigger.text("dataType").lower() == "binary"
        name = poison_name(queue.queue_name)
        connection = function.trigger.text("connection")
        self._poison = shared.service.queue(connection, name) if name else None
        self._log = {"function": function.name, "queue": queue.queue_name}

    async def process(self, message: Dequeued) -> None:
        """Run the function and settle the message; storage errors end the host."""
        try:
            if self._poison is not None and self._is_over(message):
                await self.poison(message, self._shared.service.encode(message.body))
                return
            async with self._hidden(message):
                succeeded = await self._execute(message)
            await self._settle(message, succeeded)
        except AzureError as error:
            self._shared.crash(error)

    async def poison(self, message: Dequeued, content: str) -> None:
        """Move a message to the poison queue, and wake its listener here; without one leave it."""
        if self._poison is None:
            return
        _LOG.error(
            "Too many attempts: moved to the poison queue",
            extra={
                **self._log, "id": message.id, "attempts": message.dequeue_count,
                "poison": self._poison.queue_name,
            },
        )  # fmt: skip
        await self._shared.service.put(self._poison, content)
        self._shared.service.ring(self._poison.queue_name)
        await self._delete(message)

    def _is_over(self, message: Dequeued) -> bool:
        return message.dequeue_count > self._shared.options.max_dequeue_count

    async def _execute(self, message: Dequeued) -> bool:
        try:
            self._shared.faults.maybe_fail()
            call = queue_call(
                message.body, self._queue.queue_name, message, as_bytes=self._as_bytes
            )
            await run_with_retries(self._shared.invocations, self._function, call, self._wait)
        except HostError:
            return False
        except ValueError as error:
            _LOG.error(
                "Unreadable message", extra={**self._log, "id": message.id, "error": str(error)}
            )
            return False
        return True

    async def _wait(self, seconds: float) -> bool:
        await asyncio.sleep(self._shared.clock.shorten(seconds))
        return True

    async def _settle(self, message: Dequeued, succeeded: bool) -> None:
        options = self._shared.options
        if succeeded:
            await self._complete(message)
        elif self._poison is None:
            _LOG.error(
                "Failed, and there is no poison queue: the message stays hidden",
                extra={**self._log, "id": message.id},
            )
        elif message.dequeue_count >= options.max_dequeue_count:
            await self.poison(message, self._shared.service.encode(message.body))
        else:
            seconds = self._shared.clock.visibility(options.visibility_s)
            with self._unless_gone(message):
                await self._show_after(message, seconds)

    async def _complete(self, message: Dequeued) -> None:
        if not self._shared.faults.loses_delete():
            await self._delete(message)
            return
        with self._unless_gone(message):
            await self._show_after(message, 1)

    async def _delete(self, message: Dequeued) -> None:
        with self._unless_gone(message):
            await self._queue.delete_message(message.id, message.pop_receipt)

    async def _show_after(self, message: Dequeued, seconds: int) -> None:
        updated = await self._queue.update_message(
            message.id, message.pop_receipt, visibility_timeout=seconds
        )
        message.pop_receipt = str(updated.pop_receipt)

    @contextlib.contextmanager
    def _unless_gone(self, message: Dequeued) -> Iterator[None]:
        """Ignore that the message was deleted, or belongs to somebody else by now."""
        try:
            yield
        except HttpResponseError as error:
            if not _is_gone(error):
                raise
            _LOG.debug(
                "The message is gone", extra={**self._log, "id": message.id, "error": str(error)}
            )

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
        """Renew until a renewal fails: then the message may be handed out again."""
        clock = self._shared.clock
        while not done.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(clock.shorten(_RENEW_S)):
                    await done.wait()
                    return
            try:
                await self._show_after(message, clock.visibility(HIDE_S))
            except AzureError as error:
                _LOG.warning(
                    "Renewal failed", extra={**self._log, "id": message.id, "error": str(error)}
                )
                if not (isinstance(error, HttpResponseError) and _is_gone(error)):
                    self._shared.crash(error)
                return


def _is_gone(error: HttpResponseError) -> bool:
    return error.status_code == _NOT_FOUND or getattr(error, "error_code", "") == _SOMEBODY_ELSES


def poison_name(queue: str) -> str:
    """Return the name of the poison queue, or "" if there can be none."""
    name = queue + _POISON
    return "" if queue.endswith(_POISON) or len(name) > _MAX_QUEUE_NAME else name
