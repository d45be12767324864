"""All ports on this machine as one value, and the node that carries out what Batch is asked for."""

import json
import os
import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.images import engine as image_engine
from pipeline.adapters.machine import containers
from pipeline.adapters.machine.batch import MemoryBatch, Outcome
from pipeline.adapters.machine.blobs import FolderBlobs
from pipeline.adapters.machine.node import MakeImage, Node
from pipeline.adapters.machine.queues import MemoryQueues
from pipeline.adapters.machine.tables import MemoryTables
from pipeline.adapters.secrets.local import LocalSecrets
from pipeline.domain.runs.events import BLOB_CREATED
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import RECEIPTS
from pipeline.errors import ImageRefused
from pipeline.ports.batch import JobSpec, TaskSpec
from pipeline.ports.blobs import BlobFacts
from pipeline.ports.images import ImageFacts
from pipeline.ports.queues import QueueMessage
from pipeline.ports.world import Ports

if TYPE_CHECKING:
    from pipeline.adapters.machine.listener import Listener

_HOST, _ACCOUNT = "127.0.0.1", "fanfare"
_QUOTA = 1_000


@dataclass(frozen=True)
class Places:
    """Where things lie on this machine.

    `folder` is this world's own, `cache` outlives it, and `secrets` is the file of secrets.
    `machine` is the environment that a container engine gets.
    """

    folder: Path
    cache: Path
    secrets: Path
    machine: Mapping[str, str]


@dataclass(frozen=True)
class Waiting:
    """A task that waits for the node, with the job that it belongs to."""

    job: JobSpec
    task: TaskSpec


class _Events:
    """The topic: whoever starts a run here reads its verdict, so nobody subscribes to events."""

    def publish(self, event: Mapping[str, object]) -> None:
        """Do nothing: the event stays in the outbox of the ledger, where it can be read."""


class _Images:
    """The images of this machine's container engine; none is pulled from a registry."""

    def resolve(self, image: str) -> ImageFacts:
        """Return what the engine has under a name. Raises ImageRefused."""
        if found := image_engine.find(image):
            return found
        raise ImageRefused(containers.lack(image))


class _Signing:
    """The signing port; its first signature begins to serve blobs."""

    def __init__(self, listening: socket.socket, blobs: FolderBlobs) -> None:
        self._listening, self._blobs = listening, blobs
        self._serving: Listener | None = None

    def reading(self, url: str, until: datetime) -> str:
        """Return a blob's URL with the right to read it."""
        if self._serving is None:
            # Few programs fetch anything themselves, and a server takes time to import.
            from pipeline.adapters.machine.listener import Listener  # noqa: PLC0415 see above

            self._serving = Listener(self._listening, self._blobs)
        return self._blobs.reading(url, until)

    def creating(self, url: str, until: datetime) -> str:
        """Refuse: nobody calls a trial over HTTP."""
        return self._blobs.creating(url, until)

    def close(self) -> None:
        """End serving."""
        if self._serving is not None:
            self._serving.close()
        self._listening.close()


@dataclass
class Machine:
    """The ports over a folder, and the node that runs tasks."""

    blobs: FolderBlobs
    queues: MemoryQueues
    batch: MemoryBatch
    node: Node
    ports: Ports
    _signing: _Signing

    @classmethod
    def at(cls, places: Places, make_image: MakeImage) -> Self:
        """Make the ports over an empty folder; `close` ends what they hold."""
        clock = SystemClock()
        listening = socket.create_server((_HOST, 0))
        endpoint = f"http://{_HOST}:{listening.getsockname()[1]}/{_ACCOUNT}"
        blobs = FolderBlobs(places.folder / "blobs", clock, endpoint)
        queues, batch = MemoryQueues(clock), MemoryBatch(clock, _QUOTA)
        node = Node(places.folder, places.cache, blobs, make_image, places.machine)
        signing = _Signing(listening, blobs)
        ports = Ports(
            tables=MemoryTables(),
            blobs=blobs,
            writer=blobs,
            signer=signing,
            queues=queues,
            jobs=batch,
            cluster=batch,
            events=_Events(),
            images=_Images(),
            secrets=LocalSecrets(places.secrets),
            clock=clock,
        )
        made = cls(blobs, queues, batch, node, ports, signing)
        blobs.hear = made._tell
        return made

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.node.stop()
        self._signing.close()

    def receive(self) -> tuple[Queue, QueueMessage] | None:
        """Receive the next message that is visible, and delete it; None if there is none."""
        for queue in Queue:
            for message in self.queues.receive(queue, 1):
                self.queues.delete(queue, message)
                return queue, message
        return None

    def next_visible(self) -> datetime | None:
        """Return when the next message becomes visible, or None if there is none."""
        times = (self.queues.next_visible(queue) for queue in Queue)
        return min((time for time in times if time), default=None)

    def waiting(self) -> list[Waiting]:
        """Return the tasks that wait for the node, in order."""
        return [
            Waiting(job.spec, job.tasks[task].spec)
            for name, job in list(self.batch.jobs.items())
            for task in self.batch.active(name)
        ]

    def run(
        self, tasks: list[Waiting], at_once: int = 1, tell: Callable[[], None] = lambda: None
    ) -> list[Outcome]:
        """Run tasks to their ends, so many at once; `tell` is called after each, by any thread.

        Raises Unprepared and ImageRefused.
        """

        def execute(one: Waiting) -> Outcome:
            outcome = self.node.execute(one.job, one.task)
            tell()
            return outcome

        for one in tasks:
            self.batch.start_task(one.job.id, one.task.id)
        pool = ThreadPoolExecutor(min(at_once, len(tasks)))
        try:
            ended = list(pool.map(execute, tasks))
        except BaseException:
            self.node.stop()
            raise
        finally:
            pool.shutdown(cancel_futures=True)
        for one, outcome in zip(tasks, ended, strict=True):
            self.batch.finish_task(one.job.id, one.task.id, outcome)
        return ended

    def _tell(self, facts: BlobFacts) -> None:
        """Send the event of a new receipt, as the subscription of the storage account does."""
        if facts.ref.container == RECEIPTS:
            self.queues.send(Queue.RECEIPTS, json.dumps(_event(facts, self.blobs.url(facts.ref))))


def _event(facts: BlobFacts, url: str) -> dict[str, object]:
    return {
        "topic": f"/subscriptions/{os.getpid()}",
        "subject": f"/blobServices/default/containers/{facts.ref.container}/blobs/{facts.ref.name}",
        "eventType": BLOB_CREATED,
        "id": facts.etag,
        "eventTime": facts.modified.isoformat().replace("+00:00", "Z"),
        "data": {
            "api": "PutBlob",
            "eTag": facts.etag,
            "contentType": facts.content_type,
            "contentLength": facts.size,
            "blobType": "BlockBlob",
            "url": url,
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }
