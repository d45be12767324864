"""Runs functions: one invocation from inputs to outputs, limited by `functionTimeout`."""

import asyncio
import logging
import secrets
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from emulators.functions.app.definitions import Function
from emulators.functions.errors import FunctionTimedOut, HostError, InvocationFailed
from emulators.functions.worker.process import WorkerProcess
from emulators.functions.worker.wire import Datum, Invoke

_LOG = logging.getLogger("host.invocations")


@dataclass(frozen=True)
class Call:
    """What a trigger passes to a function."""

    reason: str
    data: Datum
    metadata: dict[str, Datum] = field(default_factory=dict)
    trace_parent: str = ""
    trace_state: str = ""
    retry_count: int = 0
    max_retry_count: int = 0

    def attempt(self, count: int, limit: int) -> "Call":
        """Return the same call as number `count` of its retries."""
        return replace(self, retry_count=count, max_retry_count=limit)


class Invocations:
    """Invokes functions in the worker and sends their outputs."""

    def __init__(
        self,
        worker: WorkerProcess,
        send_outputs: Callable[[Function, dict[str, Datum]], Awaitable[None]],
        timeout_s: float | None,
    ) -> None:
        self._worker = worker
        self._send_outputs = send_outputs
        self._timeout_s = timeout_s

    async def run(self, function: Function, call: Call) -> dict[str, Datum]:
        """Run a function and return its outputs; raises InvocationFailed."""
        await self._worker.wait_ready()
        frame = _frame(function, call)
        who = {"function": function.name, "invocation_id": frame["id"]}
        _LOG.info("Executing", extra={**who, "reason": call.reason})
        began = time.monotonic()
        try:
            outputs = await self._run_bounded(frame)
            await self._send_outputs(function, outputs)
        except HostError as error:
            _LOG.error(
                "Executed: failed", extra={**who, "ms": _ms_since(began), "error": str(error)}
            )
            raise
        _LOG.info("Executed: succeeded", extra={**who, "ms": _ms_since(began)})
        return outputs

    async def _run_bounded(self, frame: Invoke) -> dict[str, Datum]:
        try:
            async with asyncio.timeout(self._timeout_s):
                report = await self._worker.invoke(frame)
        except TimeoutError as error:
            # A stuck function cannot be stopped from inside, so the whole worker ends, as in Azure.
            self._worker.kill()
            message = f"functionTimeout of {self._timeout_s:g} s exceeded; worker killed"
            raise FunctionTimedOut(message) from error
        if not report["ok"]:
            _LOG.error(
                "%s",
                report["stack"].rstrip(),
                extra={"function": frame["function"], "invocation_id": frame["id"]},
            )
            raise InvocationFailed(report["message"])
        return report["outputs"]


def _frame(function: Function, call: Call) -> Invoke:
    return {
        "type": "invoke",
        "id": str(uuid.uuid4()),
        "function_id": function.id,
        "function": function.name,
        "input": {function.trigger.name: call.data},
        "metadata": call.metadata,
        "trace_parent": call.trace_parent
        or f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01",
        "trace_state": call.trace_state,
        "retry_count": call.retry_count,
        "max_retry_count": call.max_retry_count,
    }


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
