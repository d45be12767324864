"""Looks for an image on this machine, else pulls it, with a login to its registry if one is
given."""

import base64
import json
import re
import tempfile
from pathlib import Path

from emulators.batch.containers.engine import Engine
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

_DEFAULT_REGISTRY = "docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
_REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$")


async def ensure_image(engine: Engine, image: str, registries: list[Doc]) -> Failure | None:
    """Make sure that this machine has an image, or return why it cannot."""
    if not _REFERENCE.match(image):
        return _invalid(image, "This is not the name of an image.")
    if (await engine.call("image", "inspect", "--format", "{{.Id}}", image)).code == 0:
        return None
    wanted = qualified(image)
    login = next((one for one in registries if server_of(one) == wanted.split("/")[0]), None)
    if login is not None and login.get("identityReference"):
        return Failure(
            "ContainerInvalidRegistry",
            "A registry cannot be opened with a managed identity here; give it a user name and a "
            "password, or pull the image beforehand",
            details={"Message": f"registry {server_of(login)}"},
        )
    answer_code, reason = await _pull(engine, wanted, login)
    return None if answer_code == 0 else _invalid(image, reason)


async def _pull(engine: Engine, image: str, login: Doc | None) -> tuple[int, str]:
    if login is None:
        answer = await engine.call("pull", image)
        return answer.code, answer.reason
    # A private file, deleted afterwards: the password appears in no command line, and does not stay
    # in the user's own configuration.
    with tempfile.TemporaryDirectory(prefix="batch-login-") as name:
        file = Path(name) / "config.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps({"auths": {_key(login): {"auth": _secret(login)}}}))
        if engine.name == "podman":
            answer = await engine.call("pull", "--authfile", str(file), image)
        else:
            answer = await engine.call("--config", name, "pull", image)
    return answer.code, answer.reason.replace(str(login.get("password") or "\0"), "***")


def qualified(image: str) -> str:
    """Return the full name of an image; a name without a registry means the default registry."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{_DEFAULT_REGISTRY}/{image}" if slash else f"{_DEFAULT_REGISTRY}/library/{image}"


def server_of(registry: Doc) -> str:
    """Return a registry's host, which may be given as a URL."""
    given = str(registry.get("registryServer") or _DEFAULT_REGISTRY)
    return given.removeprefix("https://").removeprefix("http://").split("/")[0]


def _key(registry: Doc) -> str:
    server = server_of(registry)
    return _HUB_KEY if server == _DEFAULT_REGISTRY else server


def _secret(registry: Doc) -> str:
    pair = f"{registry.get('username') or ''}:{registry.get('password') or ''}"
    return base64.b64encode(pair.encode()).decode()


def _invalid(image: str, reason: str) -> Failure:
    return Failure(
        "ContainerInvalidImage",
        "The container image is invalid or cannot be pulled",
        details={"ImageName": image, "Message": reason},
    )
