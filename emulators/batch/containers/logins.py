"""Opens registries: with a user's name and password, or with what an identity stands for here."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

from emulators.batch.containers.failures import invalid_image, invalid_registry
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

# Returns the user name and password behind an identity at a server, or None.
type Opens = Callable[[str, str], tuple[str, str] | None]

_DEFAULT = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"


def server_of(registry: Doc) -> str:
    """Return a registry's host, which may be given as a URL."""
    given = str(registry.get("registryServer") or _DEFAULT)
    return given.removeprefix("https://").removeprefix("http://").split("/")[0]


def objection_to(registries: list[Doc]) -> Failure | None:
    """Return what is wrong with registries even before anything is pulled, or None."""
    for registry in registries:
        server = server_of(registry)
        if server != server.lower():
            reason = f"The server name {server} has capital letters; write {server.lower()}."
            return invalid_image(server, reason)
        if not ("." in server or ":" in server or server == "localhost"):
            reason = (
                f"Get https://{server}/v2/: no such host; give the full login server, such as "
                f"{server}.azurecr.io"
            )
            return invalid_registry(server, reason)
    return None


def login_for(image: str, registries: list[Doc]) -> Doc | None:
    """Return the registry whose server the image's name begins with, or None.

    A name without a server is pulled without a login, even from Docker Hub
    (https://github.com/Azure/Batch/issues/107).
    """
    server = image.partition("/")[0]
    return next((one for one in registries if server_of(one) == server), None)


def opened(registry: Doc, opens: Opens) -> tuple[str, str] | Failure:
    """Return user name and password of a registry, or why it does not open."""
    identity = str((registry.get("identityReference") or {}).get("resourceId") or "")
    if not identity:
        return str(registry.get("username") or ""), str(registry.get("password") or "")
    server = server_of(registry)
    found = opens(identity, server)
    if found is not None:
        return found
    reason = (
        f"The identity opens no registry {server} here. Give it one in the file of --identities, "
        "under registries; or give the registry a user name and a password; or pull the image "
        "beforehand."
    )
    return invalid_registry(server, reason)


def write_login(folder: Path, registry: Doc, user: str, password: str) -> Path:
    """Write a private file for the engine, so that no command line shows the password."""
    file = folder / "config.json"
    file.touch(mode=0o600)
    server = server_of(registry)
    key = _HUB_KEY if server == _DEFAULT else server
    secret = base64.b64encode(f"{user}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {key: {"auth": secret}}}))
    return file
