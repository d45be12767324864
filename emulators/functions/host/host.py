"""Connects the parts of the host: worker, triggers, keys and the HTTP shell."""

import asyncio
import logging
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from emulators.functions.app.definitions import (
    EVENT_GRID,
    HTTP,
    QUEUE,
    TIMER,
    Function,
    define_functions,
)
from emulators.functions.app.host_json import HostOptions, load_host_options
from emulators.functions.app.invocations import Invocations
from emulators.functions.app.settings import AppSettings
from emulators.functions.errors import StartError
from emulators.functions.eventgrid.webhook import PATH, EventGridWebhook
from emulators.functions.host.admin import Admin
from emulators.functions.host.log_lines import JsonLines, forward
from emulators.functions.http.entries import porter
from emulators.functions.http.trigger import HttpTrigger
from emulators.functions.keys import Keys, load_keys
from emulators.functions.queue.doorbell import follow
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.listener import QueueListener
from emulators.functions.queue.processor import ListenerContext
from emulators.functions.queue.service import QueueAccess, QueueService
from emulators.functions.requests import only_utf8
from emulators.functions.timer.listener import TimerContext, TimerListener
from emulators.functions.timespans import Clock
from emulators.functions.worker.process import WorkerProcess, WorkerSpec

_LOG = logging.getLogger("host")
_ABORTED = 134


@dataclass(frozen=True)
class HostConfig:
    """What the command line says."""

    app: Path
    data: Path
    keys_path: Path
    settings: AppSettings
    clock: Clock
    check_keys: bool
    die: random.Random | None
    drain_s: float
    wake: bool = False
    doorbell: Path | None = None
    allowed_hosts: frozenset[str] = frozenset()


class FunctionsHost:
    """One function app, running."""

    def __init__(self, config: HostConfig, environ: Mapping[str, str], log: JsonLines) -> None:
        self._config = config
        self._options: HostOptions = load_host_options(config.app, config.settings.values)
        self._log = log
        log.hide(config.settings.secrets())
        self._service = QueueService(
            QueueAccess(config.settings, self._options.queues.base64, config.wake)
        )
        self.worker = WorkerProcess(WorkerSpec(config.app, environ), forward)
        self._invocations = Invocations(
            self.worker, self._service.send_outputs, self._options.function_timeout_s
        )
        self.functions: dict[str, Function] = {}
        self._listeners: list[QueueListener | TimerListener] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> web.Application:
        """Index the app and return the web application; raises StartError if the app cannot run."""
        try:
            return await self._build()
        except StartError:
            await self.worker.stop()
            await self._service.close()
            raise

    async def _build(self) -> web.Application:
        found = define_functions(await self.worker.start(), self._config.settings)
        self.functions = {function.name: function for function in found}
        enabled = [function for function in found if not function.disabled]
        keys = load_keys(self._config.keys_path, [f.name for f in found if f.trigger.type == HTTP])
        self._log.hide(keys.all())
        _warn_of_retries(found)
        self._listeners = [
            *self._queue_listeners([f for f in enabled if f.trigger.type == QUEUE]),
            *(self._timer(f) for f in enabled if f.trigger.type == TIMER),
        ]
        self._check_outputs(found)
        return self._application(enabled, keys if self._config.check_keys else None)

    def _queue_listeners(self, functions: list[Function]) -> list[QueueListener]:
        shared = ListenerContext(
            self._service, self._options.queues, self._invocations, self._config.clock,
            Faults(self._config.die), self.worker.wait_ready, _die,
        )  # fmt: skip
        listeners = []
        for function in functions:
            try:
                listeners.append(QueueListener(function, shared))
            except (LookupError, ValueError) as error:
                raise _bad_binding(function, function.trigger.name, error) from error
        return listeners

    def _timer(self, function: Function) -> TimerListener:
        context = TimerContext(self._config.clock, self._config.settings.zone())
        return TimerListener(function, self._config.data / "timers", self._invocations, context)

    def _check_outputs(self, functions: list[Function]) -> None:
        for function in functions:
            for binding in function.outputs:
                if binding.type != "queue":
                    continue
                try:
                    self._service.queue(binding.text("connection"), binding.text("queueName"))
                except (LookupError, ValueError) as error:
                    raise _bad_binding(function, binding.name, error) from error

    def _application(self, enabled: list[Function], keys: Keys | None) -> web.Application:
        guard = porter(self._config.allowed_hosts).middleware()
        application = web.Application(middlewares=[guard, only_utf8])
        webhook = EventGridWebhook(
            [f for f in enabled if f.trigger.type == EVENT_GRID],
            self._invocations,
            keys,
            self._config.settings.zone(),
        )
        http = HttpTrigger(
            [f for f in enabled if f.trigger.type == HTTP],
            self._options.route_prefix,
            self._invocations,
            keys,
        )
        application.router.add_get("/health", self._health)
        application.router.add_route("*", PATH, webhook.handle)
        Admin(self.functions, self._invocations, keys).add_routes(application.router)
        application.router.add_route("*", "/{path:(?s:.*)}", http.handle)
        application.on_startup.append(self._listen)
        application.on_cleanup.append(self._close)
        return application

    async def _health(self, _request: web.Request) -> web.Response:
        return web.json_response({
            "status": "ok" if self.worker.is_ready else "starting",
            "worker_pid": self.worker.pid, "functions": len(self.functions),
        })  # fmt: skip

    async def _listen(self, _application: web.Application) -> None:
        self._tasks = [asyncio.create_task(listener.run()) for listener in self._listeners]
        if self._config.wake and self._config.doorbell is not None:
            ringing = follow(self._config.doorbell, self._service.ring)
            self._tasks.append(asyncio.create_task(ringing))
        for task in self._tasks:
            task.add_done_callback(_report_crash)

    async def _close(self, _application: web.Application) -> None:
        await asyncio.gather(*(listener.stop(self._config.drain_s) for listener in self._listeners))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.worker.stop()
        await self._service.close()


def _bad_binding(function: Function, binding: str, error: Exception) -> StartError:
    return StartError(f"function {function.name}: binding {binding}: {error.args[0]}")


def _warn_of_retries(functions: list[Function]) -> None:
    for function in functions:
        who = {"function": function.name, "trigger": function.trigger.type}
        if function.retry is None or function.trigger.type == TIMER:
            continue
        if function.trigger.type == QUEUE:
            _LOG.warning(
                "RETRY POLICY NOT TO RELY ON: Azure's library honours it for queues, and "
                "announces that it will not",
                extra=who,
            )
        else:
            _LOG.warning("RETRY POLICY IGNORED: Azure supports none for this trigger", extra=who)


def _report_crash(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        _die(error)


def _die(error: BaseException) -> None:
    """End the host at once, as Azure's does: what it had in hand stays hidden.

    A host that went on without one of its triggers would only look healthy.
    """
    _LOG.critical("Unhandled exception: the host ends", exc_info=error)
    logging.shutdown()
    os._exit(_ABORTED)
