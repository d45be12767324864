"""The worlds that must keep the contract: the fakes, and the adapters over the emulators."""

import base64
import itertools
import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import requests
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from pipeline.adapters.connect import connect
from pipeline.adapters.machine.blobs import FolderBlobs
from pipeline.adapters.machine.listener import HOST, Listener
from pipeline.domain.runs.messages import Queue
from pipeline.domain.runs.naming import CONTAINERS, BlobRef
from pipeline.ledger.layout import TABLES
from pipeline.settings import Settings
from tests.contract.batch.worlds import BatchService, FakeBatchWorld
from tests.emulators.storage.processes import KEY, in_file, running, storage_flags
from tests.fakes.identity.signatures import permits
from tests.fakes.world import fake_ports
from tests.patience import until

BATCH_FLAGS = ["--active-job-quota", "3"]
NODE_IDENTITY = (
    "/subscriptions/s/resourceGroups/g/providers"
    "/Microsoft.ManagedIdentity/userAssignedIdentities/node"
)
_numbers = itertools.count(1)


def pytest_configure(config):
    # The Batch SDK signs with a clock call that Python deprecates.
    config.addinivalue_line(
        "filterwarnings", "ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"
    )


class Fakes:
    """The fakes; the test moves the clock."""

    has_callers = True

    def __init__(self):
        self.fake = fake_ports()
        self.ports = self.fake.ports

    def show_again(self, queue, message):
        """Let time pass until received messages are visible again."""
        self.fake.clock.advance(minutes=5)

    def upload(self, container, name, content, metadata):
        self.fake.blobs.put(container, name, content, metadata)

    def fetch(self, url):
        """Read a blob as a node does, by its URL alone."""
        return self.fake.blobs.read(self.fake.blobs.at(url))

    def reads(self, url):
        """Return whether a URL alone reads its blob."""
        return permits(url, "r")

    def put(self, url, content):
        """Create a blob as a caller does, by its URL alone; return whether that worked."""
        ref = self.fake.blobs.at(url)
        if not permits(url, "c") or self.fake.blobs.head(ref):
            return False
        self.fake.blobs.put(ref.container, ref.name, content)
        return True

    def published(self):
        return self.fake.events.published[-1]


class InFolder(Fakes):
    """The fakes, with the blobs of `fanfare try` in a folder, which nodes read by HTTP."""

    has_callers = False  # a trial is no app that somebody asks over HTTP

    def __init__(self, folder):
        super().__init__()
        listening = socket.create_server((HOST, 0))
        endpoint = f"http://{HOST}:{listening.getsockname()[1]}/fanfare"
        self.blobs = FolderBlobs(folder, self.fake.clock, endpoint)
        self.listener = Listener(listening, self.blobs)
        ports = {"blobs": self.blobs, "writer": self.blobs, "signer": self.blobs}
        self.ports = replace(self.fake.ports, **ports)

    def upload(self, container, name, content, metadata):
        self.blobs.upload(BlobRef(container, name), [content], metadata=metadata)

    def fetch(self, url):
        """Read a blob as a node does, by its URL alone."""
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
        return answer.content


class Services:
    """The adapters over the emulators; the raw clients play the users and the time."""

    has_callers = True

    def __init__(self, storage, settings):
        self.settings = settings
        self.ports = connect(settings)
        connection = storage.ready["connection_string"]
        self.blobs = BlobServiceClient.from_connection_string(connection)
        self.queues = QueueServiceClient.from_connection_string(connection)
        self.tables = TableServiceClient.from_connection_string(connection)

    def create_everything(self):
        for container in CONTAINERS:
            self.blobs.create_container(container)
        for queue in (*Queue, "published"):
            self.queues.create_queue(queue)
        for table in TABLES:
            self.tables.create_table(table)

    def close(self):
        for client in (self.blobs, self.queues, self.tables):
            client.close()

    def show_again(self, queue, message):
        client = self.queues.get_queue_client(queue)
        client.update_message(message.id, message.receipt, visibility_timeout=0)

    def upload(self, container, name, content, metadata):
        self.blobs.get_blob_client(container, name).upload_blob(content, metadata=metadata)

    def fetch(self, url):
        """Read a blob as a node does, by its URL alone."""
        answer = requests.get(url, timeout=30)
        answer.raise_for_status()
        return answer.content

    def reads(self, url):
        """Return whether a URL alone reads its blob."""
        return requests.get(url, timeout=30).ok

    def put(self, url, content):
        """Create a blob as a caller does, by its URL alone; return whether that worked."""
        headers = {"x-ms-blob-type": "BlockBlob"}
        return requests.put(url, content, headers=headers, timeout=30).ok

    def published(self):
        """Return the event that arrives in the topic's queue."""
        client = self.queues.get_queue_client("published")
        message = until(lambda: next(iter(client.receive_messages()), None), what="an event")
        client.delete_message(message)
        return json.loads(base64.b64decode(message.content))


def settings_over(storage, topic, batch):
    environ = {
        "AzureWebJobsStorage": storage.ready["connection_string"],
        "FANFARE_BATCH_ENDPOINT": batch,
        "FANFARE_BATCH_ACCOUNT": "fanfare",
        "FANFARE_BATCH_KEY": KEY,
        "FANFARE_TOPIC_ENDPOINT": topic,
        "FANFARE_TOPIC_KEY": KEY,
        "FANFARE_NODE_IDENTITY": NODE_IDENTITY,
    }
    return Settings.from_env(environ, Path())


@pytest.fixture(scope="session")
def storage(tmp_path_factory):
    with running("storage", *storage_flags(tmp_path_factory.mktemp("storage"))) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def topic(storage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("grid")
    to_queue = {"endpointType": "StorageQueue", "properties": {"queueName": "published"}}
    subscription = {
        "topic": "runs",
        "name": "all",
        "properties": {"destination": to_queue, "eventDeliverySchema": "CloudEventSchemaV1_0"},
    }
    topics = [{"name": "runs", "inputSchema": "CloudEventSchemaV1_0"}]
    config = folder / "config.json"
    config.write_text(json.dumps({"topics": topics, "eventSubscriptions": [subscription]}))
    flags = ["--data", str(folder / "data"), "--config", str(config)]
    flags += ["--storage-connection", in_file(folder, storage.ready["connection_string"])]
    with running("eventgrid", *flags) as emulator:
        yield f"{emulator.ready['endpoint']}/topics/runs/api/events"


@pytest.fixture(scope="session")
def services(storage, topic):
    services = Services(storage, settings_over(storage, topic, "http://127.0.0.1:9"))
    services.create_everything()
    yield services
    services.close()


@pytest.fixture(params=["fake", "folder", "service"])
def world(request, tmp_path):
    if request.param == "folder":
        world = InFolder(tmp_path)
        yield world
        world.listener.close()
    else:
        yield Fakes() if request.param == "fake" else request.getfixturevalue("services")


@pytest.fixture
def ports(world):
    return world.ports


@pytest.fixture
def fresh():
    """Return a name that no other test uses, since services outlive a test."""
    return f"n{next(_numbers):04d}"


@pytest.fixture
def queue(world):
    """Return an empty queue."""
    if isinstance(world, Services):
        world.queues.get_queue_client("work").clear_messages()
    return "work"


@pytest.fixture(scope="session")
def batch_service(storage, tmp_path_factory):
    folder = tmp_path_factory.mktemp("batch")
    flags = ["--data", str(folder), "--account", "fanfare"]
    with running("batch", *flags, *BATCH_FLAGS) as emulator:
        settings = settings_over(storage, "http://127.0.0.1:9", emulator.ready["endpoint"])
        credential = AzureNamedKeyCredential("fanfare", KEY)
        with BatchClient(emulator.ready["endpoint"], credential) as client:
            service = BatchService(settings, client)
            service.create_pools()
            yield service


@pytest.fixture(params=["fake", "service"])
def batch_world(request):
    if request.param == "fake":
        yield FakeBatchWorld()
        return
    service = request.getfixturevalue("batch_service")
    yield service
    service.remove_other_pools()


@pytest.fixture
def batch_ports(batch_world):
    return batch_world.ports
