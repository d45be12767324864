"""The edges of the adapters: which SDK errors may pass, which account a connection string names."""

import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.core.exceptions import (
    ClientAuthenticationError,
    HttpResponseError,
    ResourceModifiedError,
    ServiceRequestError,
)

from pipeline.adapters.identity.credentials import identity, storage_account
from pipeline.adapters.storage import blobs
from pipeline.adapters.storage.sources import RANGE, Sources, granting, spans
from pipeline.adapters.storage.span import open_span
from pipeline.adapters.storage.writer import AzureBlobWriter
from pipeline.adapters.translate import translate
from pipeline.domain.runs.naming import BlobRef
from pipeline.errors import Conflict, NotFound, Permanent, Transient
from pipeline.ports.blobs import BlobFacts
from pipeline.settings import Settings
from tests.contract.conftest import settings_over

OTHERS = {
    "FANFARE_BATCH_ENDPOINT": "https://b",
    "FANFARE_TOPIC_ENDPOINT": "https://t",
    "FANFARE_NODE_IDENTITY": "/i",
}


class Answer:
    reason = "because"
    content_type = "text/plain"

    def __init__(self, status, headers=None):
        self.status_code = status
        self.headers = headers or {}

    def text(self):
        return ""


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, Permanent),
        (401, Transient),
        (403, Transient),
        (404, NotFound),
        (408, Transient),
        (409, Conflict),
        (412, Conflict),
        (413, Permanent),
        (429, Transient),
        (500, Transient),
        (503, Transient),
    ],
)
def test_a_status_says_whether_an_error_may_pass(status, expected):
    error = HttpResponseError(response=Answer(status, {"x-ms-error-code": "SomeCode"}))
    assert type(translate(error, "do it")) is expected
    assert "SomeCode" in str(translate(error, "do it"))


def test_no_answer_is_transient():
    assert type(translate(ServiceRequestError("refused"), "do it")) is Transient


def test_an_error_without_a_token_suggests_a_login():
    """`DefaultAzureCredential` lists on a page what it tried, which is not a service's answer."""
    error = translate(ClientAuthenticationError("tried\nthis\nand that"), "list runs")
    assert type(error) is Transient
    assert str(error) == (
        "list runs: no token (ClientAuthenticationError): run `az login`; "
        "an app in Azure needs its identity"
    )


def test_what_a_credential_tried_is_in_the_error_and_not_in_the_log():
    identity("")
    assert not logging.getLogger("azure.identity").isEnabledFor(logging.WARNING)


def test_a_signature_never_reaches_a_message():
    error = HttpResponseError("failed: https://a/b?sig=secret", response=Answer(400))
    assert "secret" not in str(translate(error, "do it"))


def account(**environ):
    return storage_account(Settings.from_env({**OTHERS, **environ}, Path()))


def test_a_connection_string_gives_endpoints_and_key():
    text = "AccountName=a;AccountKey=a2V5PT0=;BlobEndpoint=http://127.0.0.1:1/a/;"
    found = account(AzureWebJobsStorage=text)
    assert found.blob == "http://127.0.0.1:1/a"
    assert found.queue == "https://a.queue.core.windows.net"
    assert found.key.named_key.key == "a2V5PT0="


def test_without_a_connection_string_there_is_no_key():
    kinds = ("blob", "queue", "table")
    uris = {f"AzureWebJobsStorage__{kind}ServiceUri": f"https://a.{kind}/" for kind in kinds}
    found = account(**uris)
    assert (found.blob, found.queue, found.table, found.key) == (
        "https://a.blob",
        "https://a.queue",
        "https://a.table",
        None,
    )


def test_an_unusable_connection_string_is_reported_but_not_shown():
    with pytest.raises(Permanent) as caught:
        account(AzureWebJobsStorage="UseDevelopmentStorage=true;SharedAccessSignature=secret")
    assert "AzureWebJobsStorage" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_spans_cover_a_blob_exactly():
    assert list(spans(0)) == []
    assert list(spans(RANGE)) == [(0, RANGE)]
    assert list(spans(2 * RANGE + 1))[-1] == (2 * RANGE, 1)


class Refusing:
    """A reader whose blob exists, but whose client refuses every snapshot of it."""

    def __init__(self, status, code, etag):
        self._error = HttpResponseError(response=Answer(status, {"x-ms-error-code": code}))
        self._etag = etag

    def client(self, _ref):
        return self

    def create_snapshot(self, **_condition):
        raise self._error

    def head(self, ref):
        return BlobFacts(ref, self._etag, 1, datetime.now(UTC)) if self._etag else None


@pytest.mark.parametrize(
    ("status", "code", "etag", "expected"),
    [
        (412, "ConditionNotMet", "0x2", Conflict),
        (412, "ConditionNotMet", "", NotFound),
        (404, "BlobNotFound", "", NotFound),
        (409, "BlobArchived", "0x1", Permanent),
        (409, "SnapshotOperationRateExceeded", "0x1", Transient),
        (409, "BlobArchived", "0x2", Conflict),
        (403, "AuthorizationPermissionMismatch", "0x1", Transient),
    ],
)
def test_only_another_version_is_a_conflict_when_pinning(status, code, etag, expected):
    writer = AzureBlobWriter(Refusing(status, code, etag), sources=None)
    with pytest.raises(expected) as caught:
        writer.snapshot(BlobRef("input", "a.txt"), "0x1")
    assert type(caught.value) is expected


def test_a_blob_too_large_for_one_copy_is_copied_in_spans(services, storage, fresh):
    settings = settings_over(storage, "http://127.0.0.1:9", "http://127.0.0.1:9")
    reader = blobs.connect(settings)
    writer = AzureBlobWriter(reader, Sources(reader, granting(settings)), span=1000)
    source, target = BlobRef("work", fresh), BlobRef("output", fresh)
    content = bytes(range(256)) * 10
    writer.upload(source, [content], "text/plain", {"fanfare_depth": "2"})
    copied = writer.copy(source, target)
    assert reader.read(target) == content
    assert (copied.content_type, copied.metadata) == ("text/plain", {"fanfare_depth": "2"})
    assert writer.copy(source, target).etag == copied.etag


def test_a_span_is_read_from_one_version_of_its_blob_or_not_at_all(services, fresh):
    reader, ref = blobs.connect(services.settings), BlobRef("work", fresh)
    services.ports.writer.write(ref, b"0123456789")
    client = reader.client(ref)
    content = open_span(client, client.get_blob_properties().etag, 2, 5)
    assert (content.read(), content.seek(1), content.read()) == (b"23456", 1, b"3456")
    content.seek(0)
    services.ports.writer.write(ref, b"abcdefghij")
    with pytest.raises(ResourceModifiedError):
        content.read()


def test_connecting_imports_no_sdk():
    code = (
        "import sys, pipeline.handlers, pipeline.adapters.connect;"
        "sys.exit(any(name.split('.')[0] == 'azure' for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
