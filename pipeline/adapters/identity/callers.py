"""Who uses the command line on a deployment: the identity of the login that Storage sees, too."""

import base64
import json
import threading
import time
from collections.abc import Callable

from pipeline.adapters.identity.credentials import STORAGE_SCOPE, identity
from pipeline.adapters.translate import AZURE, translated
from pipeline.domain.runs.asking.askers import Asker, AskerKind
from pipeline.settings import Settings

_EARLY_S = 300
_UNKNOWN = Asker(kind=AskerKind.USER, name="a login whose token names nobody")


def of_login(settings: Settings) -> Asker:
    """Return who is logged in. Raises what a call to Storage would raise without a login."""
    with translated("ask for your login's token", AZURE):
        token = identity(settings.client_id).get_token(STORAGE_SCOPE).token
    return of_token(token)


def tokens_for(scope: str) -> Callable[[], str]:
    """Return a function that returns a current token of the user's login for a scope.

    It raises what a call to Storage would raise without a login. A login with the Azure CLI takes
    a second for each token, so one is kept until shortly before its end.
    """
    held: list[tuple[str, float]] = []
    lock = threading.Lock()

    def token() -> str:
        with lock:
            if not held or held[0][1] < time.time() + _EARLY_S:
                with translated("ask for your login's token for the app", AZURE):
                    issued = identity("").get_token(scope)
                held[:] = [(issued.token, float(issued.expires_on))]
            return held[0][0]

    return token


def of_token(token: str) -> Asker:
    """Return whose token it is, by its claims.

    It is our own token, from Entra over TLS, and Storage checks it: so no signature is checked.
    """
    parts = token.split(".")
    if len(parts) != 3:  # noqa: PLR2004 header, claims, signature
        return _UNKNOWN
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
    except (ValueError, RecursionError):
        return _UNKNOWN
    return Asker.of_claims(claims) if isinstance(claims, dict) else _UNKNOWN
