"""App settings: how a connection names its queues."""

import pytest

from emulators.functions.app.settings import AppSettings, ByIdentity


def test_connections_prefer_the_prefixed_name_and_take_queue_uris():
    text = (
        "DefaultEndpointsProtocol=http;AccountName=acc;AccountKey=a2V5;QueueEndpoint=http://x/acc"
    )
    settings = AppSettings({
        "AzureWebJobsStorage": text, "Storage": "other", "Work__queueServiceUri": "http://127.0.0.1:1/acc",
        "Cloud__accountName": "acc",
    })  # fmt: skip
    assert settings.queue_connection("Storage") == text
    assert settings.queue_connection("AzureWebJobsStorage") == text
    assert "AccountKey=a2V5;QueueEndpoint=http://127.0.0.1:1/acc" in settings.queue_connection(
        "Work"
    )
    with pytest.raises(LookupError, match="means the cloud"):
        settings.queue_connection("Cloud")


def test_a_queue_uri_with_a_managed_identity_needs_no_key():
    settings = AppSettings({
        "Work__queueServiceUri": "https://127.0.0.1:1/acc", "Work__credential": "managedidentity",
        "Work__clientId": "c", "Bare__queueServiceUri": "https://127.0.0.1:1/acc",
    })  # fmt: skip
    assert settings.queue_connection("Work") == ByIdentity("https://127.0.0.1:1/acc", "c")
    with pytest.raises(LookupError, match="Bare__credential=managedidentity"):
        settings.queue_connection("Bare")
