"""The life of a stack: lock the folder, start in order, report the addresses, stop in reverse
order."""

import asyncio
import fcntl
import json
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from emulators._forward import forwarding, own_addresses
from emulators.stack.child import Child
from emulators.stack.config import ServiceName, StackConfig
from emulators.stack.ending import told_to_end
from emulators.stack.errors import StackError
from emulators.stack.files import write_private
from emulators.stack.ports import choose_ports
from emulators.stack.services import Services

_LOG = logging.getLogger("stack")
_SAVE_AGAIN_S = 1.0


@contextmanager
def owned(data: Path) -> Iterator[None]:
    """Hold a data folder for this process; raises StackError if another stack holds it."""
    try:
        data.mkdir(parents=True, exist_ok=True)
        lock = (data / "stack.lock").open("a")
    except OSError as error:
        raise StackError(f"The data folder {data} cannot be used: {error.strerror}.") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StackError(
                f"A stack already runs on {data} (process {_running_pid(data)}): "
                "stop it first, or choose another folder with --data."
            ) from error
        yield


def _running_pid(data: Path) -> object:
    try:
        return json.loads((data / "stack.json").read_text("utf-8"))["pid"]
    except (OSError, ValueError, KeyError, TypeError):
        return "unknown, it is just starting or stopping"


class Stack:
    """The running services of one data folder."""

    def __init__(self, config: StackConfig, data: Path) -> None:
        self._config = config
        self._data = data
        self._state = data / "stack.json"
        self._ports = choose_ports(data / "ports.json", config.ports)
        self._services = Services(config, data, self._ports)
        self._children: list[Child] = []
        self._changed = asyncio.Event()

    async def run(self, *, with_starter: bool = False) -> None:
        """Start everything, report it once, and run until it is told to end.

        SIGTERM, SIGINT and SIGHUP tell it, and `with_starter` the end of stdin. Raises StackError
        if a service refuses, and PortTaken if a port of another address cannot be had.
        """
        stop = told_to_end(with_starter=with_starter)
        self._state.unlink(missing_ok=True)
        starting = asyncio.create_task(self._start())
        stopping = asyncio.create_task(stop.wait())
        saving = asyncio.create_task(self._keep_saved())
        try:
            await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                addresses = own_addresses() if self._config.published else []
                async with forwarding(addresses, self._ports.values()):
                    self._tell()
                    await self._watch(stopping, saving)
        finally:
            for task in (starting, stopping, saving):
                task.cancel()
            await asyncio.gather(starting, stopping, saving, return_exceptions=True)
            await self._stop()
            self._state.unlink(missing_ok=True)

    async def _start(self) -> None:
        await self._start_one("storage")
        await asyncio.gather(self._start_one("eventgrid"), self._start_one("batch"))
        if self._config.app is not None:
            await self._start_one("functions")

    async def _start_one(self, name: ServiceName) -> None:
        command = self._services.command(name)
        child = Child(name, command, self._data / "logs" / f"{name}.log", self._changed.set)
        self._children.append(child)
        self._services.learn(name, await child.start())
        _LOG.info("A service is ready", extra={"service": name, "service_pid": child.pid})

    async def _watch(self, stopping: asyncio.Task[bool], saving: asyncio.Task[None]) -> None:
        deaths = [child.died for child in self._children]
        any_end: set[asyncio.Future[str] | asyncio.Future[bool] | asyncio.Future[None]]
        any_end = {stopping, saving, *deaths}
        await asyncio.wait(any_end, return_when=asyncio.FIRST_COMPLETED)
        if saving.done():
            saving.result()  # It never ends by itself, so this raises its defect.
        for death in deaths:
            if death.done():
                raise StackError(death.result())

    async def _stop(self) -> None:
        for child in reversed(self._children):
            await child.stop()

    def _description(self) -> dict[str, object]:
        def endpoint(child: Child) -> dict[str, object]:
            return {
                k: v for k, v in child.ready.items() if k not in {"service", "pid", "worker_pid"}
            }

        return {
            "service": "stack",
            "pid": os.getpid(),
            "endpoints": {child.name: endpoint(child) for child in self._children},
            "pids": {child.name: child.pid for child in self._children},
        }

    async def _keep_saved(self) -> None:
        """Write the addresses down after each restart; a full disk only delays that."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                self._save()
            except OSError as error:
                _LOG.warning(
                    "The state could not be written, and will be", extra={"error": str(error)}
                )
                await asyncio.sleep(_SAVE_AGAIN_S)
                self._changed.set()

    def _save(self) -> None:
        write_private(self._state, self._description())

    def _tell(self) -> None:
        try:
            self._save()
        except OSError as error:
            raise StackError(f"{self._state} cannot be written: {error.strerror}.") from error
        try:
            print(json.dumps(self._description()), flush=True)
        except OSError:
            # Nobody reads our stdout any more; the state file says the same.
            sys.stdout = None
