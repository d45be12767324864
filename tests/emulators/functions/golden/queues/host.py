"""One host with queue functions, in virtual time: real listeners, a client, storage in memory."""

import asyncio
import base64
import hashlib
from dataclasses import dataclass, field

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.app.host_json import QueueOptions
from emulators.functions.app.settings import AppSettings
from emulators.functions.errors import InvocationFailed
from emulators.functions.queue.backoff import PollBackoff
from emulators.functions.queue.faults import Faults
from emulators.functions.queue.listener import QueueListener
from emulators.functions.queue.processor import ListenerContext
from emulators.functions.queue.service import QueueAccess, QueueService
from emulators.functions.timespans import Clock, parse_span
from emulators.functions.worker.wire import as_bytes
from tests.emulators.functions.golden.queues.storage import CONNECTION, Storage
from tests.emulators.functions.golden.virtual_time import seconds

QUEUE, OUT = "work", "work-out"


@dataclass(frozen=True)
class Jitter:
    """Chance without chance: always the same place between the bounds."""

    place: float = 0.5

    def uniform(self, low: float, high: float) -> float:
        return low + (high - low) * self.place


@dataclass
class Behaviour:
    """What a function does: it takes some time, then returns outputs or fails."""

    takes_s: float = 0.0005
    fails: bool = False
    outputs: dict = field(default_factory=dict)

    async def act(self, host, number):
        """Run invocation `number` of the host."""
        await asyncio.sleep(self.takes_s)


@dataclass
class Invocation:
    start_ms: float
    message: str
    count: int
    got: bytes
    metadata: dict
    function: str
    end_ms: float = 0.0
    threw: bool = False


class QueueHost:
    """Several hosts may share one storage."""

    def __init__(self, config, storage=None, jitter=0.5, *, wake=False):
        self.storage = storage or Storage()
        self.options = options_of(config)
        self.jitter = jitter
        self.invocations: list[Invocation] = []
        self.crashes: list[BaseException] = []
        self.behaviours: dict[str, Behaviour] = {}
        self.running = self.most_running = 0
        access = QueueAccess(
            AppSettings({"AzureWebJobsStorage": CONNECTION}), self.options.base64,
            wake=wake, chance=Jitter(), transport=self.storage,
        )  # fmt: skip
        self.service = QueueService(access)
        self._listeners, self._tasks = [], []

    def listen(self, behaviour, queue=QUEUE, name="f", *, binary=False, retry=None, outputs=()):
        properties = {"queuename": queue} | ({"datatype": "BINARY"} if binary else {})
        function = Function(
            name, name, Binding("message", "queuetrigger", properties), outputs, retry
        )
        self.behaviours[name] = behaviour
        shared = ListenerContext(
            self.service, self.options, self, Clock(), Faults(), _at_once, self.crashes.append
        )
        backoff = PollBackoff(self.options.max_polling_s, Jitter(self.jitter))
        self._listeners.append(QueueListener(function, shared, backoff))

    def start(self):
        self._tasks = [asyncio.create_task(listener.run()) for listener in self._listeners]

    async def stop(self, drain_s=0.0):
        await asyncio.gather(*(listener.stop(drain_s) for listener in self._listeners))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def run(self, function, call):
        """Stand in for the invocations of a host."""
        metadata = {name: datum["value"] for name, datum in call.metadata.items()}
        invocation = Invocation(
            seconds() * 1000, metadata["Id"], int(metadata["DequeueCount"]), as_bytes(call.data),
            metadata, function.name,
        )  # fmt: skip
        self.invocations.append(invocation)
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        behaviour = self.behaviours[function.name]
        try:
            await behaviour.act(self, len(self.invocations) - 1)
            invocation.threw = behaviour.fails
            if behaviour.fails:
                raise InvocationFailed("failed on purpose")
            await self.service.send_outputs(function, behaviour.outputs)
        finally:
            self.running -= 1
            invocation.end_ms = seconds() * 1000


async def _at_once():
    return None


def options_of(config) -> QueueOptions:
    return QueueOptions(
        batch_size=config["BatchSize"],
        new_batch_threshold=config["NewBatchThreshold"],
        max_dequeue_count=config["MaxDequeueCount"],
        visibility_s=parse_span(config["VisibilityTimeout"]),
        base64=config["MessageEncoding"] == "Base64",
        max_polling_s=parse_span(config["MaxPollingInterval"]),
    )


def digest(raw: bytes):
    """Describe long bytes as the recordings do."""
    if len(raw) <= 1000:
        return base64.b64encode(raw).decode()
    return {
        "length": len(raw),
        "sha256": hashlib.sha256(raw).hexdigest(),
        "first_60_base64": base64.b64encode(raw[:60]).decode(),
    }
