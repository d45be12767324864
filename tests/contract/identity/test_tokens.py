"""Signatures of tokens: real RSA keys, a key document over HTTP, and all kinds of forgeries."""

import base64
import hmac

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from pipeline.adapters.identity.tokens import KeysUnreachable, SigningKeys, published_at, verified
from tests.fakes.identity import tenant as tenants
from tests.fakes.identity.tenant import FOREIGN, OURS, part, published

CLAIMS = {"aud": "c-1", "roles": ["Reader"], "exp": 1, "iss": "x"}


def signed(key=OURS, kid="k1", algorithm="RS256"):
    return tenants.signed(CLAIMS, key, kid, algorithm)


class Tenant:
    """A key document that can change or fail, a count of its reads, and a clock."""

    def __init__(self):
        self.document, self.error, self.reads, self.now = published(k1=OURS), None, 0, 1000.0
        self.keys = SigningKeys(self.fetch, lambda: self.now)

    def fetch(self):
        self.reads += 1
        if self.error:
            raise self.error
        return self.document


@pytest.fixture
def tenant():
    return Tenant()


def test_a_signature_that_holds_gives_the_claims_whatever_they_say(tenant):
    assert verified(signed(), tenant.keys) == CLAIMS
    assert verified(signed(), tenant.keys) == CLAIMS
    assert tenant.reads == 1


def tampered() -> str:
    header, _, signature = signed().split(".")
    return f"{header}.{part({**CLAIMS, 'roles': ['Operator']})}.{signature}"


def by_public_key() -> str:
    """Sign with HMAC by the public key; a verifier that trusts `alg` would accept that."""
    pem = OURS.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    claimed = f"{part({'alg': 'HS256', 'kid': 'k1'})}.{part(CLAIMS)}"
    mac = base64.urlsafe_b64encode(hmac.digest(pem, claimed.encode(), "sha256")).decode()
    return f"{claimed}.{mac.rstrip('=')}"


FORGED = {
    "tampered": tampered(),
    "another's key": signed(FOREIGN),
    "alg none": jwt.encode(CLAIMS, None, algorithm="none", headers={"kid": "k1"}),
    "alg NoNe": f"{part({'alg': 'NoNe', 'kid': 'k1'})}.{part(CLAIMS)}.",
    "HMAC by the public key": by_public_key(),
    "another algorithm": signed(algorithm="RS512"),
    "PSS": signed(algorithm="PS256"),
    "unknown key": signed(kid="k2"),
    "key id is a list": f"{part({'alg': 'RS256', 'kid': ['k1']})}.{part(CLAIMS)}.AA",
    "nested": base64.urlsafe_b64encode(b"[" * 9000).decode() + ".e30.AA",
    "no JSON": "a.b.c",
    "no token": "x",
    "not ASCII": "ä.ö.ü",
    "huge": "a" * 20_000,
}


@pytest.mark.parametrize("what", FORGED)
def test_what_is_forged_gives_no_claims(tenant, what):
    assert verified(FORGED[what], tenant.keys) is None


def test_a_new_key_is_read_when_a_token_names_it(tenant):
    verified(signed(), tenant.keys)
    tenant.document, tenant.now = published(k2=FOREIGN), tenant.now + 31
    assert verified(signed(FOREIGN, "k2"), tenant.keys) == CLAIMS
    assert verified(signed(), tenant.keys) is None


def test_made_up_key_ids_do_not_make_the_app_hammer_the_tenant(tenant):
    for number in range(50):
        assert verified(signed(kid=f"made-up-{number}"), tenant.keys) is None
    assert tenant.reads == 1


def test_a_withdrawn_key_is_forgotten_within_a_day(tenant):
    verified(signed(), tenant.keys)
    tenant.document, tenant.now = published(k2=FOREIGN), tenant.now + 24 * 3600 + 1
    assert verified(signed(), tenant.keys) is None


@pytest.mark.parametrize("error", [OSError("down"), ValueError("no JSON")])
def test_while_the_keys_cannot_be_read_a_caller_gets_a_transient_error(tenant, error):
    tenant.error = error
    with pytest.raises(KeysUnreachable):
        verified(signed(), tenant.keys)
    tenant.error, tenant.now = None, tenant.now + 31
    assert verified(signed(), tenant.keys) == CLAIMS


def test_known_keys_stay_good_while_the_tenant_is_down(tenant):
    verified(signed(), tenant.keys)
    tenant.error, tenant.now = OSError("down"), tenant.now + 3600
    assert verified(signed(), tenant.keys) == CLAIMS


def test_the_key_document_is_read_over_http_and_redirects_are_not_followed():
    with tenants.serving() as authority:
        keys = SigningKeys(published_at(f"{authority}/{tenants.TENANT}/discovery/v2.0/keys"))
        assert verified(signed(), keys) == CLAIMS
        with pytest.raises(KeysUnreachable):
            verified(signed(), SigningKeys(published_at(f"{authority}/elsewhere")))
