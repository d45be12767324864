"""A run without a key: https everywhere, and every call has the token of a managed identity.

The account keys of Storage and Batch are made here, and only the service that owns a key gets it.
So nobody else could make a signature (SharedKey or SAS).
"""

import base64
import json
import secrets
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureKeyCredential, AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobClient

from pipeline import bootstrap
from pipeline.adapters.provision import provision
from pipeline.cli.stack import config as local
from pipeline.domain.definitions.pool import local_body
from pipeline.domain.pools.formula import render_formula
from pipeline.domain.runs.naming import BlobRef
from pipeline.settings import Settings
from tests.e2e.local import PATIENCE, ROOT, TIMERS, Stack
from tests.emulators.certificate import certificate
from tests.emulators.storage import processes
from tests.fakes.identity import managed_identity
from tests.fakes.identity.tenant import OURS, published

APP, NODE, GRID, USER = "the-app", "the-nodes", "event-grid", "the-user"
STORAGE, BATCH = "https://storage.azure.com", "https://batch.core.windows.net"
EVENTS = "https://eventgrid.azure.net"
OF_KEYS = ("AzureWebJobsStorage", "FANFARE_BATCH_ACCOUNT", "FANFARE_BATCH_KEY", "FANFARE_TOPIC_KEY")


def drawn() -> str:
    return base64.b64encode(secrets.token_bytes(64)).decode()


class Keyless(Stack):
    """The services with a certificate and an Entra tenant; the app has the settings of Azure."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "benign")
        self.folder = folder
        self.keys = {"storage": drawn(), "batch": drawn()}
        self._open = ExitStack()
        cert, key = certificate(folder)
        self.cert = cert
        self._tls = ("--cert", str(cert), "--key-file", str(key))
        (folder / "jwks.json").write_bytes(published(k1=OURS))
        self._entra = ("--entra-tenant", managed_identity.TENANT)
        self._entra += ("--entra-keys", str(folder / "jwks.json"))

    def start(self) -> None:
        storage = self._run("storage", "--account", "fanfare")
        self.urls = {kind: storage[kind] for kind in ("blob", "queue", "table")}
        grid = self._run("eventgrid", *self._grid_flags(storage["outbox"]))
        batch = self._run("batch", *self._batch_flags())
        values = self._values(grid["endpoint"], batch["endpoint"])
        self.settings = Settings.from_env(values, ROOT)
        self.engine = bootstrap.build(self.settings)
        pools = [
            local_body(pool, render_formula(pool, [], datetime.now(UTC)))
            for pool in self.engine.catalogue.pools.values()
        ]
        provision(self.settings, pools, local.queues_of(local.eventgrid_config(ROOT)))
        path = self._written("settings.json", {"Values": values})
        flags = ("--app", str(ROOT), "--settings", path)
        self._run("functions", *flags, tls=False)

    def stop(self) -> None:
        self._open.close()

    def _run(self, service: str, *flags: str, tls: bool = True) -> dict[str, str]:
        own = ("--data", str(self.folder / service), *flags, *(self._tls if tls else ()))
        running = processes.running(service, *own, key=self.keys.get(service, ""))
        return self._open.enter_context(running).ready

    def _grid_flags(self, outbox: str) -> tuple[str, ...]:
        config = self._written("grid.json", local.eventgrid_config(ROOT))
        account = f"AccountName=fanfare;ClientId={GRID};QueueEndpoint={self.urls['queue']};"
        account += f"BlobEndpoint={self.urls['blob']}"
        flags = ("--config", config, "--storage-outbox", outbox, "--storage-connection", account)
        return (*flags, *self._entra)

    def _batch_flags(self) -> tuple[str, ...]:
        entry = {"account": "fanfare", "clientId": NODE, "blobEndpoint": self.urls["blob"]}
        identities = self._written("identities.json", {local.NODE_IDENTITY: entry})
        keys = local.Keys.draw()
        options = local.stack_config(keys, ROOT, ROOT, self._wishes)["options"]["batch"]
        account = ("--account", "fanfarebatch")
        only_tokens = (*self._entra, "--authentication-modes", "AAD")
        return (*account, *only_tokens, "--identities", identities, *options)

    def _values(self, grid: str, batch: str) -> dict[str, str]:
        keys = local.Keys.draw()
        usual = local.stack_config(keys, ROOT, ROOT, self._wishes)["settings"]
        prefix = "AzureWebJobsStorage__"
        return {
            **{name: text for name, text in usual.items() if name not in OF_KEYS},
            **{f"FANFARE_PATIENCE_{name}_S": str(s) for name, s in PATIENCE.items()},
            **TIMERS,
            **{f"{prefix}{kind}ServiceUri": url for kind, url in self.urls.items()},
            f"{prefix}credential": "managedidentity",
            f"{prefix}clientId": APP,
            "AZURE_CLIENT_ID": APP,
            "FANFARE_BATCH_ENDPOINT": batch,
            "FANFARE_TOPIC_ENDPOINT": f"{grid}/topics/{local.TOPIC}/api/events",
            "FANFARE_DEFINITIONS": str(self.definitions),
        }

    def _written(self, name: str, content: object) -> str:
        (self.folder / name).write_text(json.dumps(content))
        return str(self.folder / name)


@pytest.fixture(scope="module")
def identities():
    with managed_identity.serving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def stack(identities, tmp_path_factory):
    stack = Keyless(tmp_path_factory.mktemp("keyless"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in identities.environment().items():
            patch.setenv(name, value)
        # Two names for one setting: requests reads the first, OpenSSL and so aiohttp the second.
        patch.setenv("REQUESTS_CA_BUNDLE", str(stack.cert))
        patch.setenv("SSL_CERT_FILE", str(stack.cert))
        try:
            stack.start()
            yield stack
        finally:
            stack.stop()


def upload_as_user(stack: Keyless, name: str, content: bytes) -> None:
    credential = ManagedIdentityCredential(client_id=USER)
    url = stack.engine.ports.blobs.url(BlobRef("input", name))
    with credential, BlobClient.from_blob_url(url, credential) as client:
        client.upload_blob(content)


def test_an_upload_becomes_output_and_an_event_by_tokens_alone(stack, identities):
    upload_as_user(stack, "acts/keyless.txt", b"ok a\nok b\nok c\n")
    run, event = stack.finished(stack.run_of("acts/keyless.txt", "acts"))
    assert stack.output(run) == {"done.txt": b"ok a\nok b\nok c\n"}
    assert event["type"] == "fanfare.run.succeeded"
    asked = {(resource.rstrip("/"), client) for resource, client in identities.asked}
    assert asked == {
        *((STORAGE, client) for client in (APP, GRID, USER)),  # nodes have signatures
        (BATCH, APP),
        (EVENTS, APP),
    }


def content(path: Path) -> bytes:
    """Read a file; one that the running services have just removed counts as empty."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def test_nobody_but_its_service_ever_held_a_key(stack):
    secret = [key.encode() for key in stack.keys.values()]
    files = [path for path in stack.folder.rglob("*") if path.is_file()]
    holders = {
        path.relative_to(stack.folder).parts[0]
        for path in files
        if any(key in content(path) for key in secret)
    }
    assert holders <= set(stack.keys)
    settings = stack.settings
    assert (settings.storage_connection, settings.batch_key, settings.topic_key) == ("", "", "")


def test_no_door_opens_without_a_token_and_the_key_of_batch_opens_none(stack):
    url = stack.engine.ports.blobs.url(BlobRef("input", "acts/keyless.txt"))
    with BlobClient.from_blob_url(url) as client, pytest.raises(HttpResponseError):
        client.get_blob_properties()
    credential = AzureNamedKeyCredential("fanfarebatch", stack.keys["batch"])
    client = BatchClient(stack.settings.batch_endpoint, credential)
    with client, pytest.raises(HttpResponseError, match="SharedKey is not allowed"):
        list(client.list_jobs())
    publisher = EventGridPublisherClient(stack.settings.topic_endpoint, AzureKeyCredential("k"))
    event = CloudEvent(source="/x", type="t")
    with publisher, pytest.raises(HttpResponseError, match="Local authentication is off"):
        publisher.send(event)
