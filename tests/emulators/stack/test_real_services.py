import contextlib
import json

from azure.core.exceptions import ResourceExistsError
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from tests.emulators.stack.conftest import REPOSITORY
from tests.patience import until

SAMPLE_APP = REPOSITORY / "tests" / "emulators" / "functions" / "sample_app"
HOOK = (
    "{functions.endpoint}/runtime/webhooks/eventgrid"
    "?functionName=told&code={functions.eventgrid_key}"
)
GRID = {
    "topics": [{"name": "blobs", "type": "Microsoft.Storage.StorageAccounts", "source": "/s"}],
    "eventSubscriptions": [
        {
            "topic": "blobs", "name": name,
            "properties": {"destination": {"endpointType": kind, "properties": properties}},
        }
        for name, kind, properties in (
            ("queue", "StorageQueue", {"queueName": "w-work"}),
            ("hook", "WebHook", {"endpointUrl": HOOK}),
        )
    ],
}  # fmt: skip
SETTINGS = {
    "AzureWebJobsStorage": "{storage.connection_string}",
    "Storage__queueServiceUri": "{storage.queue}",
    "PREFIX": "w-",
    "TICK": "0 0 0 1 1 *",
}


def notes(folder, function):
    path = folder / "notes.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return [note for note in map(json.loads, lines) if note["function"] == function]


def test_an_uploaded_blob_reaches_the_functions_by_queue_and_by_webhook(stack, tmp_path):
    told = stack.ready(
        programs={}, app=str(SAMPLE_APP), eventgrid=GRID, eventgrid_time_scale=10,
        storage_key="a2V5" * 16, settings=SETTINGS | {"SCRATCH": str(tmp_path)},
    )  # fmt: skip
    connection = told["endpoints"]["storage"]["connection_string"]
    with (
        QueueServiceClient.from_connection_string(connection) as queues,
        contextlib.suppress(ResourceExistsError),
    ):
        queues.create_queue("w-work")
    with BlobServiceClient.from_connection_string(connection) as blobs:
        blobs.create_container("input").upload_blob("a.mp4", b"film")
    (queued,) = until(lambda: notes(tmp_path, "work"))
    (hooked,) = until(lambda: notes(tmp_path, "told"))
    assert queued["body"]["id"] == hooked["id"]
    assert hooked["subject"].endswith("/blobs/a.mp4")
