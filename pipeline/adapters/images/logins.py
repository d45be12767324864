"""Credentials for registries: the logins of Docker or Podman here, the app's identity in Azure."""

import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import requests

from pipeline.errors import ImageRefused, Transient

_AZURE = ".azurecr.io"
_NOBODY = "00000000-0000-0000-0000-000000000000"  # the user name that ACR takes with a token
_TIMEOUT_S, _OK = 15, 200


type Credentials = Callable[[str], tuple[str, str] | None]


def of_files(files: Sequence[Path]) -> Credentials:
    """Make a function that reads what `podman login` or `docker login` keeps for a registry."""

    def credentials(host: str) -> tuple[str, str] | None:
        for file in files:
            try:
                auths = json.loads(file.read_bytes())["auths"]
                user, _, password = base64.b64decode(auths[host]["auth"]).decode().partition(":")
            except (OSError, ValueError, KeyError, TypeError):
                continue
            return user, password
        return None

    return credentials


def of_identity(token: Callable[[], str]) -> Credentials:
    """Make a function that gives the app's identity to Azure's registries, and to no others.

    https://learn.microsoft.com/azure/container-registry/container-registry-authentication
    """

    def credentials(host: str) -> tuple[str, str] | None:
        if not host.endswith(_AZURE):
            return None
        form = {"grant_type": "access_token", "service": host, "access_token": token()}
        url = f"https://{host}/oauth2/exchange"
        try:
            answer = requests.post(url, data=form, timeout=_TIMEOUT_S)
        except requests.RequestException as error:
            raise Transient(f"The registry {host} does not answer.") from error
        if answer.status_code != _OK:
            raise ImageRefused(
                f"{host} answered {answer.status_code} to the identity of the app: "
                "give it the role AcrPull there."
            )
        return _NOBODY, str(answer.json()["refresh_token"])

    return credentials
