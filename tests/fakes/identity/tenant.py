"""An Entra tenant for tests: RSA keys, the document that publishes them, and tokens."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from tests import loopback

OURS = rsa.generate_private_key(public_exponent=65537, key_size=2048)
FOREIGN = rsa.generate_private_key(public_exponent=65537, key_size=2048)
TENANT, CLIENT = "tenant-1", "client-1"


def published(**keys: rsa.RSAPrivateKey) -> bytes:
    """Return the key document (JWKS) as Entra publishes it."""
    listed = [
        {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig"}
        for kid, key in keys.items()
    ]
    return json.dumps({"keys": listed}).encode()


def signed(claims, key=OURS, kid="k1", algorithm="RS256") -> str:
    """Return a token with these claims."""
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def part(content: object) -> str:
    """Encode one part of a token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def claims(authority: str, *roles: str, **other: object) -> dict[str, object]:
    """Return the claims of a token that is valid now."""
    now = int(time.time())
    issued = {"iss": f"{authority}/{TENANT}/v2.0", "aud": CLIENT, "nbf": now, "exp": now + 600}
    return {**issued, "roles": list(roles), **other}


@contextmanager
def serving() -> Iterator[str]:
    """Serve the tenant's keys where Entra would; yield the authority."""

    class Answer(loopback.Handler):
        def do_GET(self) -> None:
            known = self.path == f"/{TENANT}/discovery/v2.0/keys"
            self.send_response(200 if known else 302)
            self.send_header("Location", f"/{TENANT}/discovery/v2.0/keys")
            self.end_headers()
            self.wfile.write(published(k1=OURS) if known else b"")

    with loopback.listening(Answer) as url:
        yield url
