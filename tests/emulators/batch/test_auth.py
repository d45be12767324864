"""Who may call: SharedKey and Entra tokens, over http and https, sync and async."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from azure.batch import BatchClient
from azure.batch.aio import BatchClient as AsyncBatchClient
from azure.core.credentials import AccessToken, AzureNamedKeyCredential
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.emulators.batch.running import ACCOUNT, KEY, Emulator
from tests.emulators.certificate import certificate

TENANT = "11111111-2222-3333-4444-555555555555"
AUDIENCE = "https://batch.core.windows.net/"
ISSUER = f"https://sts.windows.net/{TENANT}/"
SIGNER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def token(key: rsa.RSAPrivateKey = SIGNER, **claims: object) -> str:
    now = int(time.time())
    whole = {"aud": AUDIENCE, "iss": ISSUER, "nbf": now, "exp": now + 3600, **claims}
    return jwt.encode(whole, key, algorithm="RS256", headers={"kid": "k1"})


class Fixed:
    """A credential with a fixed token."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.scopes: set[str] = set()

    def get_token(self, *scopes: str, **_: object) -> AccessToken:
        self.scopes |= set(scopes)
        return AccessToken(self.text, int(time.time()) + 3600)


class AsyncFixed:
    def __init__(self, text: str) -> None:
        self.text = text

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        return AccessToken(self.text, int(time.time()) + 3600)

    async def close(self) -> None:
        pass


def key_set(folder: Path) -> Path:
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(SIGNER.public_key()))
    path = folder / "keys.json"
    path.write_text(json.dumps({"keys": [{**public, "kid": "k1", "use": "sig"}]}))
    return path


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Emulator, Path]]:
    """Run an emulator that accepts only Entra tokens, over https."""
    folder = tmp_path_factory.mktemp("secured")
    cert, key_file = certificate(folder)
    flags = ["--entra-tenant", TENANT, "--entra-keys", str(key_set(folder))]
    flags += ["--authentication-modes", "AAD", "--cert", str(cert), "--key-file", str(key_file)]
    running = Emulator(folder / "data", *flags)
    yield running, cert
    assert running.stop() == 0


def listed(running: Emulator, cert: Path, text: str) -> list[str]:
    with BatchClient(
        running.endpoint, Fixed(text), connection_verify=str(cert), retry_total=0
    ) as client:
        return [pool.id for pool in client.list_pools()]


def test_a_good_token_opens_the_account_over_https(secured: tuple[Emulator, Path]) -> None:
    running, cert = secured
    assert running.endpoint.startswith("https://127.0.0.1:")
    assert listed(running, cert, token()) == []


@pytest.mark.parametrize("slashes", ["", "/", "//"])
def test_trailing_slashes_of_the_audience_are_no_difference(
    secured: tuple[Emulator, Path], slashes: str
) -> None:
    assert listed(*secured, token(aud=f"https://batch.core.windows.net{slashes}")) == []


def test_the_issuer_of_version_two_is_the_same_tenant(secured: tuple[Emulator, Path]) -> None:
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    assert listed(*secured, token(iss=issuer)) == []


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        (lambda: token(STRANGER), "signature"),
        (lambda: token(exp=int(time.time()) - 3600), "expired"),
        (lambda: token(nbf=int(time.time()) + 3600), "not valid yet"),
        (lambda: token(aud="https://storage.azure.com"), "wrong audience"),
        (lambda: token(iss="https://sts.windows.net/another/"), "wrong issuer"),
        (lambda: jwt.encode({"aud": AUDIENCE}, None, algorithm="none"), "signature"),
        (
            lambda: jwt.encode(
                {"aud": AUDIENCE}, "x" * 32, algorithm="HS256", headers={"kid": "k1"}
            ),
            "invalid",
        ),
        (lambda: "not.a.token", "invalid"),
    ],
    ids=["stranger", "expired", "early", "audience", "issuer", "none", "symmetric", "garbage"],
)
def test_a_bad_token_is_refused_with_the_reason(
    secured: tuple[Emulator, Path], bad: object, why: str
) -> None:
    with pytest.raises(ClientAuthenticationError) as error:
        listed(*secured, bad())
    detail = {one.key: one.value for one in error.value.model.error_values}
    assert (error.value.status_code, error.value.model.code) == (401, "AuthenticationFailed")
    assert why in detail["AuthenticationErrorDetail"]
    assert error.value.response.headers["WWW-Authenticate"].startswith("Bearer ")


def test_an_account_of_entra_only_refuses_its_own_key(secured: tuple[Emulator, Path]) -> None:
    running, cert = secured
    with (
        BatchClient(
            running.endpoint, AzureNamedKeyCredential(ACCOUNT, KEY), connection_verify=str(cert)
        ) as client,
        pytest.raises(HttpResponseError) as error,
    ):
        list(client.list_pools())
    assert error.value.status_code == 403
    assert "SharedKey is not allowed" in str(error.value.model.error_values[0].value)


def test_the_async_client_is_let_in_as_well(secured: tuple[Emulator, Path]) -> None:
    running, cert = secured

    async def names(text: str) -> list[str]:
        async with AsyncBatchClient(
            running.endpoint, AsyncFixed(text), connection_verify=str(cert)
        ) as client:
            return [pool.id async for pool in client.list_pools()]

    assert asyncio.run(names(token())) == []
    with pytest.raises(ClientAuthenticationError):
        asyncio.run(names(token(STRANGER)))


def test_unverified_tokens_still_need_life_and_audience(tmp_path: Path) -> None:
    running = Emulator(tmp_path, "--entra-unverified")
    try:
        for text, status in (
            (token(STRANGER, iss="https://anyone"), 200),
            (token(exp=1), 401),
            (token(aud="https://else"), 401),
        ):
            assert status_of(running, f"Bearer {text}") == status
        assert list(running.client.list_pools()) == []
    finally:
        running.stop()


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 401),
        ("Bearer", 400),
        ("Basic eDp5", 400),
        ("SharedKey nothing", 400),
        ("SharedKey other:AAAA", 403),
        (f"SharedKey {ACCOUNT}:\u00e9", 403),
        (f"Bearer {token()}", 403),
    ],
)
def test_authorization_of_any_other_form_is_refused(
    emulator: Emulator, header: str, status: int
) -> None:
    assert status_of(emulator, header) == status


def test_a_date_too_far_from_now_is_refused(emulator: Emulator) -> None:
    signature = base64.b64encode(b"x" * 32).decode()
    for date in (
        "Mon, 01 Jan 2001 00:00:00 GMT",
        "yesterday",
        "",
        "Mon, 01 Jan 0001 00:00:00 +2300",
    ):
        headers = {"ocp-date": date}
        assert status_of(emulator, f"SharedKey {ACCOUNT}:{signature}", headers) == 403


def status_of(running: Emulator, header: str, more: dict[str, str] | None = None) -> int:
    url = f"{running.endpoint}/pools?api-version=2025-06-01"
    headers = {**(more or {}), **({"Authorization": header} if header else {})}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
