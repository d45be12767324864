"""Entra ID access tokens: checks their signature, lifetime, audience and issuer."""

from collections.abc import Mapping

import jwt

from emulators._signing_keys import SigningKeys

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256")
_LEEWAY_S = 300
_WHY: Mapping[type[jwt.PyJWTError], str] = {
    jwt.ExpiredSignatureError: "The access token is expired.",
    jwt.ImmatureSignatureError: "The access token is not valid yet.",
    jwt.MissingRequiredClaimError: "The access token lacks a required claim.",
    jwt.InvalidSignatureError: "The signature of the access token is invalid.",
}


def issuers_of(tenant: str) -> tuple[str, str]:
    """Return the issuer names of one tenant, for tokens of version 1 and of version 2."""
    return (
        f"https://sts.windows.net/{tenant}/",
        f"https://login.microsoftonline.com/{tenant}/v2.0",
    )


class Entra:
    """Checks tokens; without keys it checks everything except the signature."""

    def __init__(self, issuers: tuple[str, ...], audience: str, keys: SigningKeys | None) -> None:
        self._issuers = frozenset(one.rstrip("/") for one in issuers)
        self._audience = audience.rstrip("/")
        self._keys = keys

    async def refusal(self, token: str) -> str:
        """Return why a token is invalid, or an empty text if it is valid."""
        try:
            claims = await self._decode(token)
        except jwt.PyJWTError as error:
            return _WHY.get(type(error), "The access token is invalid.")
        given = claims.get("aud")
        audiences = given if isinstance(given, list) else [given]
        if self._audience not in {str(one).rstrip("/") for one in audiences}:
            return (
                "The access token has been obtained from wrong audience or resource "
                f"'{str(given)[:200]}'. It should match '{self._audience}/'."
            )
        if self._issuers and str(claims.get("iss")).rstrip("/") not in self._issuers:
            return (
                "The access token is from the wrong issuer: it must come from the account's tenant."
            )
        return ""

    async def _decode(self, token: str) -> Mapping[str, object]:
        if self._keys is None:
            return _claims(token, None)
        header = jwt.get_unverified_header(token)
        found = await self._keys.find(str(header.get("kid", "")))
        if found is None:
            raise jwt.InvalidSignatureError
        return _claims(token, found)


def _claims(token: str, key: jwt.PyJWK | None) -> Mapping[str, object]:
    # We compare audience and issuer ourselves, because a trailing slash must make no difference.
    options: jwt.types.Options = {
        "require": ["exp", "aud", "iss"],
        "verify_aud": False,
        "verify_iss": False,
        "verify_exp": True,
        "verify_nbf": True,
        "verify_signature": key is not None,
    }
    found: Mapping[str, object] = jwt.decode(
        token, key or "", algorithms=list(_ALGORITHMS), options=options, leeway=_LEEWAY_S
    )
    return found
