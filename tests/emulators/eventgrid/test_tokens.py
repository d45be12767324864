"""A topic without a key: publishers show Entra tokens, deliveries go out as a managed identity."""

import json
import time

import pytest
from azure.core.credentials import AccessToken, AzureKeyCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.core.messaging import CloudEvent
from azure.eventgrid import EventGridPublisherClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient, TextBase64DecodePolicy

from emulators.eventgrid.storage_wire import BadConnectionString, StorageAccount
from tests.emulators.certificate import certificate
from tests.emulators.eventgrid.conftest import TOPICS, subscription, to_queue
from tests.emulators.storage.processes import running, storage_flags
from tests.fakes.identity import managed_identity
from tests.fakes.identity.tenant import FOREIGN, OURS, published, signed
from tests.patience import until

AUDIENCE = "https://eventgrid.azure.net"


class Shown:
    """A credential with a fixed token."""

    def __init__(self, key=OURS, **claims):
        now = int(time.time())
        usual = {"iss": f"https://sts.windows.net/{managed_identity.TENANT}/", "aud": AUDIENCE}
        self.token = signed({**usual, "nbf": now, "exp": now + 3600, **claims}, key)

    def get_token(self, *_, **__):
        return AccessToken(self.token, int(time.time()) + 3600)


@pytest.fixture(scope="module")
def identities():
    with managed_identity.serving() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def secured(identities, tmp_path_factory):
    """Run storage and Event Grid over https; the queue "there" exists, "missing" does not."""
    folder = tmp_path_factory.mktemp("tokens")
    cert, key = certificate(folder)
    tls = ["--cert", str(cert), "--key-file", str(key)]
    (folder / "keys.json").write_bytes(published(k1=OURS))
    letters = {"endpointType": "StorageBlob", "properties": {"blobContainerName": "letters"}}
    subscriptions = [
        subscription("runs", "there", to_queue("there")),
        subscription(
            "runs",
            "gone",
            to_queue("missing"),
            deadLetterDestination=letters,
            retryPolicy={"maxDeliveryAttempts": 1},
        ),
    ]
    config = folder / "config.json"
    config.write_text(json.dumps({"topics": TOPICS, "eventSubscriptions": subscriptions}))
    flags = ["--data", str(folder / "grid"), "--config", str(config), "--startup-grace-s", "0"]
    flags += ["--time-scale", "1000", "--entra-tenant", managed_identity.TENANT]
    flags += ["--entra-keys", str(folder / "keys.json"), *tls]
    with pytest.MonkeyPatch.context() as patch:
        trusted = {"SSL_CERT_FILE": str(cert), "REQUESTS_CA_BUNDLE": str(cert)}
        for name, value in {**identities.environment(), **trusted}.items():
            patch.setenv(name, value)
        with running("storage", *storage_flags(folder / "storage"), *tls) as storage:
            account = f"AccountName=fanfare;ClientId=grid;QueueEndpoint={storage.ready['queue']};"
            account += f"BlobEndpoint={storage.ready['blob']}"
            flags += ["--storage-connection", account]
            with running("eventgrid", *flags, key="") as grid:
                yield storage.ready["connection_string"], grid


def publish(grid, credential):
    endpoint = f"{grid.ready['endpoint']}/topics/runs/api/events"
    with EventGridPublisherClient(endpoint, credential, retry_total=0) as client:
        client.send(CloudEvent(source="/f", type="t", subject="s", data={"n": 1}))


def arrived(look):
    """Look until something has arrived."""
    return until(lambda: list(look()), what="an arrival")


def test_an_event_reaches_a_queue_and_a_dead_letter_container_by_tokens(secured, identities):
    connection, grid = secured
    with (
        QueueServiceClient.from_connection_string(connection) as queues,
        BlobServiceClient.from_connection_string(connection) as blobs,
    ):
        queues.create_queue("there")
        blobs.create_container("letters")
        publish(grid, Shown())
        policy = {"message_decode_policy": TextBase64DecodePolicy()}
        [message] = arrived(queues.get_queue_client("there", **policy).receive_messages)
        [letter] = arrived(blobs.get_container_client("letters").list_blobs)
    assert json.loads(message.content)["data"] == {"n": 1}
    assert letter.name.startswith("GONE/")
    assert identities.asked == [("https://storage.azure.com", "grid")]


@pytest.mark.parametrize(
    ("credential", "why"),
    [
        (Shown(FOREIGN), "signature"),
        (Shown(aud="https://storage.azure.com"), "wrong audience"),
        (Shown(iss="https://sts.windows.net/another/"), "wrong issuer"),
        (Shown(nbf=1, exp=2), "expired"),
        (AzureKeyCredential("a2V5"), "Local authentication is off"),
    ],
)
def test_who_shows_no_good_token_publishes_nothing(secured, credential, why):
    with pytest.raises(ClientAuthenticationError, match=why):
        publish(secured[1], credential)


def test_an_account_without_a_key_and_without_an_identity_is_refused():
    with pytest.raises(BadConnectionString, match="AccountKey"):
        StorageAccount.parse("AccountName=a;QueueEndpoint=http://q;BlobEndpoint=http://b")
