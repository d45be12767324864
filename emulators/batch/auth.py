"""Decides who may call: it holds one verifier for each mode of authentication that the account
allows."""

from datetime import UTC, datetime

import aiohttp

from emulators._entra import Entra
from emulators._signing_keys import SigningKeys
from emulators.batch.errors import BatchError
from emulators.batch.options import Options
from emulators.batch.shared_key import Request, SharedKey

_MODE = {"sharedkey": "SharedKey", "bearer": "AAD"}
_CHALLENGE = 'Bearer authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize"'


class Gate:
    """Admits a request if it proves its sender in a mode that the account allows."""

    def __init__(self, options: Options, session: aiohttp.ClientSession) -> None:
        self._modes = options.authentication_modes
        self._shared_key = SharedKey(options.account, options.key)
        keys = None if options.entra_unverified else SigningKeys(options.entra_keys, session)
        self._entra = Entra(options.entra_issuers, options.entra_audience, keys)

    async def verify(self, request: Request) -> None:
        """Admit a request, or refuse it.

        The machine's own clock dates signatures and tokens; the emulated clock has no influence.
        """
        header = request.headers.get("authorization", "").strip()
        if not header:
            raise _challenged("The Authorization header is missing.")
        scheme, _, rest = header.partition(" ")
        mode = _MODE.get(scheme.lower())
        if mode is None or not rest.strip():
            raise BatchError("InvalidAuthenticationInfo")
        if mode not in self._modes:
            raise _failed(
                f"The specified type of authentication {mode} is not allowed for this account."
            )
        if mode == "SharedKey":
            self._shared_key.verify(request, datetime.now(UTC))
        elif why := await self._entra.refusal(rest.strip()):
            raise _challenged(why, ', error="invalid_token"')


def _failed(why: str) -> BatchError:
    return BatchError("AuthenticationFailed", AuthenticationErrorDetail=why)


def _challenged(why: str, more: str = "") -> BatchError:
    error = BatchError("AuthenticationFailed", status=401, AuthenticationErrorDetail=why)
    error.headers = {"WWW-Authenticate": _CHALLENGE + more}
    return error
