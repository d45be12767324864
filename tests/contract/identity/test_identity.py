"""The adapters without any key: they use the tokens of a managed identity.

Azurite runs over https with OAuth, and the Batch account accepts only Entra tokens. The settings
hold no secret that could sign anything.
"""

from pathlib import Path

import pytest
from azure.batch import BatchClient
from azure.core.credentials import AzureNamedKeyCredential
from azure.core.exceptions import HttpResponseError

from pipeline.adapters.connect import connect
from pipeline.adapters.identity import callers
from pipeline.adapters.provision import provision
from pipeline.adapters.storage import blobs
from pipeline.adapters.storage.sources import Sources, granting
from pipeline.adapters.storage.writer import AzureBlobWriter
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict
from pipeline.ports.blobs import Piece
from pipeline.ports.tables import Insert, Row
from pipeline.settings import Settings
from tests.contract.conftest import NODE_IDENTITY
from tests.emulators.certificate import certificate
from tests.emulators.storage.processes import KEY, running, storage_flags
from tests.fakes.identity import managed_identity
from tests.fakes.identity.tenant import OURS, published

APP = "client-of-the-app"
STORAGE, BATCH = "https://storage.azure.com", "https://batch.core.windows.net/"


@pytest.fixture(scope="module")
def environment():
    with pytest.MonkeyPatch.context() as patch:
        yield patch


@pytest.fixture(scope="module")
def endpoint(environment):
    with managed_identity.serving() as endpoint:
        for name, value in endpoint.environment().items():
            environment.setenv(name, value)
        yield endpoint


@pytest.fixture(scope="module")
def settings(endpoint, environment, tmp_path_factory):
    folder: Path = tmp_path_factory.mktemp("identity")
    cert, key = certificate(folder)
    environment.setenv("REQUESTS_CA_BUNDLE", str(cert))
    keys = folder / "keys.json"
    keys.write_bytes(published(k1=OURS))
    tls = ["--cert", str(cert), "--key-file", str(key)]
    account = ["--data", str(folder / "batch"), "--account", "fanfare"]
    entra = ["--entra-tenant", managed_identity.TENANT, "--entra-keys", str(keys)]
    entra += ["--authentication-modes", "AAD"]
    with (
        running("storage", *storage_flags(folder / "storage"), *tls) as storage,
        running("batch", *account, *entra, *tls) as batch,
    ):
        made = Settings.from_env(
            {
                **{
                    f"AzureWebJobsStorage__{kind}ServiceUri": storage.ready[kind]
                    for kind in ("blob", "queue", "table")
                },
                "FANFARE_BATCH_ENDPOINT": batch.ready["endpoint"],
                "FANFARE_TOPIC_ENDPOINT": "https://127.0.0.1:9/api/events",
                "FANFARE_NODE_IDENTITY": NODE_IDENTITY,
                "AZURE_CLIENT_ID": APP,
            },
            Path(),
        )
        provision(made, [], [])
        yield made


@pytest.fixture(scope="module")
def ports(settings):
    return connect(settings)


def test_the_settings_of_this_mode_hold_no_secret(settings):
    assert (settings.storage_connection, settings.batch_key, settings.topic_key) == ("", "", "")


def test_who_uses_the_command_line_is_the_identity_that_the_services_see(settings):
    assert str(callers.of_login(settings)) == f"app {APP}"


def test_rows_are_written_and_read_as_the_identity(ports):
    ports.tables.transact("runs", "p", [Insert(Row("p", "k", {"state": "claimed"}))])
    assert ports.tables.get("runs", "p", "k").values["state"] == "claimed"
    with pytest.raises(Conflict):
        ports.tables.transact("runs", "p", [Insert(Row("p", "k", {"state": "claimed"}))])


def test_messages_are_sent_and_received_as_the_identity(ports):
    ports.queues.send("work", "hello")
    [message] = ports.queues.receive("work", 5)
    assert message.body == "hello"
    ports.queues.delete("work", message)


def test_a_snapshot_pins_what_a_token_may_read(ports):
    ref = BlobRef("input", "pinned.txt")
    ports.writer.write(ref, b"first")
    pinned = ports.writer.snapshot(ref, ports.blobs.head(ref).etag)
    ports.writer.write(ref, b"second")
    assert ports.blobs.read(pinned) == b"first"


def test_a_blob_is_copied_by_the_service_with_a_token_instead_of_a_signature(ports, settings):
    grant = granting(settings)()
    assert grant.query == ""
    assert grant.authorization.startswith("Bearer ")
    source, target = BlobRef("work", "part"), BlobRef("output", "copied")
    ports.writer.write(source, b"part")
    ports.writer.copy(source, target)
    assert ports.blobs.read(target) == b"part"


def test_parts_become_one_blob_although_azurite_reads_no_source_by_token(ports):
    """Azurite drops the header x-ms-copy-source-authorization of a block, which Azure honours."""
    one, two = BlobRef("work", "block-1"), BlobRef("work", "block-2")
    ports.writer.write(one, b"one")
    ports.writer.write(two, b"two")
    whole = BlobRef("output", "whole")
    for block, piece in (("a", Piece(one, 0, 3)), ("b", Piece(two, 0, 3))):
        ports.writer.stage(whole, block, piece)
    ports.writer.commit(whole, ["a", "b", "a"])
    assert ports.blobs.read(whole) == b"onetwoone"


def test_a_large_copy_without_a_key_is_cut_into_blocks(ports, settings):
    reader = blobs.connect(settings)
    writer = AzureBlobWriter(reader, Sources(reader, granting(settings)), span=1000)
    source, target = BlobRef("work", "large"), BlobRef("output", "large")
    content = bytes(range(256)) * 10
    ports.writer.write(source, content)
    writer.copy(source, target)
    assert ports.blobs.read(target) == content


def test_a_batch_account_for_entra_alone_takes_the_identity_and_refuses_the_key(ports, settings):
    assert ports.cluster.job("none").state == ""
    client = BatchClient(settings.batch_endpoint, AzureNamedKeyCredential("fanfare", KEY))
    with client, pytest.raises(HttpResponseError, match="SharedKey is not allowed"):
        list(client.list_jobs())


def test_each_service_gets_a_token_for_itself_and_for_the_apps_own_identity(ports, endpoint):
    assert set(endpoint.asked) == {(STORAGE, APP), (BATCH, APP)}
