"""Tokens of a managed identity, as the emulators get them."""

import asyncio
import json

import aiohttp
import pytest

from emulators._identity import STORAGE, NoToken, Tokens
from emulators.batch.transfer.identities import Grant, Identities
from tests.fakes.identity import managed_identity

ENTRY = {"account": "a", "blobEndpoint": "https://127.0.0.1:1/a"}


def ask(*clients):
    async def asking():
        async with aiohttp.ClientSession() as session:
            tokens = Tokens(session)
            return [await tokens.authorization(client) for client in clients]

    return asyncio.run(asking())


def test_a_token_is_asked_for_once_an_identity(monkeypatch):
    with managed_identity.serving() as endpoint:
        for name, value in endpoint.environment().items():
            monkeypatch.setenv(name, value)
        first, other, again = ask("one", "two", "one")
    assert first == again != other
    assert first.startswith("Bearer ")
    assert endpoint.asked == [(STORAGE, "one"), (STORAGE, "two")]


def test_where_nobody_gives_out_tokens_the_reason_is_said(monkeypatch):
    monkeypatch.delenv("IDENTITY_ENDPOINT", raising=False)
    with pytest.raises(NoToken, match="IDENTITY_ENDPOINT is not set"):
        ask("one")


def test_an_endpoint_that_refuses_gives_no_token(monkeypatch):
    with managed_identity.serving() as endpoint:
        monkeypatch.setenv("IDENTITY_ENDPOINT", endpoint.url)
        monkeypatch.setenv("IDENTITY_HEADER", "wrong")
        with pytest.raises(NoToken, match="answered 401"):
            ask("one")


def test_a_node_identity_has_a_key_or_the_id_of_a_client(tmp_path):
    path = tmp_path / "identities.json"
    path.write_text(json.dumps({"/x": {**ENTRY, "clientId": "c"}, "/y": {**ENTRY, "key": "a2V5"}}))
    identities = Identities.read(path)
    url = f"{ENTRY['blobEndpoint']}/input/a"
    assert identities.grant(url, {"resourceId": "/X"}, "No") == Grant("a", client_id="c")
    assert identities.grant(url, {"resourceId": "/y"}, "No") == Grant("a", "a2V5")
    path.write_text(json.dumps({"/x": ENTRY}))
    with pytest.raises(SystemExit, match="clientId"):
        Identities.read(path)
