import json
import urllib.request
import uuid
from contextlib import contextmanager

import pytest
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient, TextBase64DecodePolicy

from tests.emulators.eventgrid.receiver import receiving
from tests.emulators.storage.processes import (
    KEY,
    Emulator,
    in_file,
    launch,
    running,
    storage_flags,
)
from tests.patience import stretched

SOURCE = "/subscriptions/s/providers/Microsoft.Storage/storageAccounts/fanfare"
TOPICS = [
    {"name": "blobs", "type": "Microsoft.Storage.StorageAccounts", "source": SOURCE},
    {"name": "runs", "inputSchema": "CloudEventSchemaV1_0"},
    {"name": "plain", "inputSchema": "EventGridSchema"},
]


@pytest.fixture(scope="package")
def storage(tmp_path_factory):
    with running("storage", *storage_flags(tmp_path_factory.mktemp("storage"))) as emulator:
        yield emulator


@pytest.fixture(scope="package")
def blobs(storage):
    with BlobServiceClient.from_connection_string(storage.ready["connection_string"]) as client:
        yield client


@pytest.fixture(scope="package")
def queues(storage):
    with QueueServiceClient.from_connection_string(storage.ready["connection_string"]) as client:
        yield client


@pytest.fixture
def hook():
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def grid(tmp_path, storage):
    """Return a context manager that runs an Event Grid emulator with some subscriptions."""

    @contextmanager
    def run(*subscriptions, flags=()):
        emulator = launch_grid(tmp_path, storage, subscriptions, flags)
        try:
            yield emulator
        finally:
            emulator.stop()
            emulator.close()

    return run


@pytest.fixture(scope="package")
def shared(storage, tmp_path_factory):
    """Run an emulator for tests that add their own subscriptions; a day of retries takes 90 s."""
    folder = tmp_path_factory.mktemp("shared")
    emulator = launch_grid(folder, storage, [], ["--time-scale", "1000"])
    yield emulator
    emulator.stop()
    emulator.close()


@pytest.fixture
def subscribe(shared):
    """Add a subscription to the shared emulator and return its key; the end of the test removes
    it."""
    added = []

    def add(topic, destination, **properties):
        added.append(f"{topic}/Sub{uuid.uuid4().hex[:8]}")
        body = {"properties": {"destination": destination, **properties}}
        status, answer = call(shared, "PUT", f"/subscriptions/{added[-1]}", body)
        assert status == 201, answer
        return added[-1]

    yield add
    for key in added:
        call(shared, "DELETE", f"/subscriptions/{key}")


@pytest.fixture
def place(blobs, queues):
    """Create a container and a queue with the same new name."""
    name = f"p{uuid.uuid4().hex[:12]}"
    with (
        blobs.create_container(name) as container,
        queues.get_queue_client(name, message_decode_policy=TextBase64DecodePolicy()) as queue,
    ):
        queue.create_queue()
        yield container, queue


@pytest.fixture(scope="package")
def quiet(storage, tmp_path_factory):
    """Run an emulator without subscriptions, for requests that change nothing."""
    emulator = launch_grid(tmp_path_factory.mktemp("quiet"), storage, [])
    yield emulator
    emulator.stop()
    emulator.close()


def launch_grid(folder, storage, subscriptions, flags=()) -> Emulator:
    config = folder / "config.json"
    config.write_text(json.dumps({"topics": TOPICS, "eventSubscriptions": list(subscriptions)}))
    fixed = ["--data", str(folder / "grid"), "--config", str(config), "--startup-grace-s", "0"]
    fixed += ["--storage-outbox", storage.ready["outbox"]]
    fixed += ["--storage-connection", in_file(folder, storage.ready["connection_string"])]
    return launch("eventgrid", *fixed, *flags)


def subscription(topic, name, destination, **properties):
    properties = {"destination": destination, **properties}
    return {"topic": topic, "name": name, "properties": properties}


def to_queue(name):
    return {"endpointType": "StorageQueue", "properties": {"queueName": name}}


def to_hook(url, **properties):
    return {"endpointType": "WebHook", "properties": {"endpointUrl": url, **properties}}


def under(container):
    return {"subjectBeginsWith": f"/blobServices/default/containers/{container}/"}


def call(emulator, method, path, body=None):
    """Send a request and return status and JSON body."""
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(emulator.ready["endpoint"] + path, data, method=method)
    request.add_header("Content-Type", "application/json")
    request.add_header("aeg-sas-key", KEY)
    try:
        with urllib.request.urlopen(request) as answer:
            raw, status = answer.read(), answer.status
    except urllib.error.HTTPError as error:
        with error:
            raw, status = error.read(), error.code
    return status, json.loads(raw) if raw else None


def sync(emulator, timeout=60):
    status, body = call(emulator, "POST", f"/_admin/sync?timeout={stretched(timeout):.0f}")
    assert status == 200, body


def states(emulator, key):
    return call(emulator, "GET", "/_admin/state")[1]["deliveries"].get(key, {})
