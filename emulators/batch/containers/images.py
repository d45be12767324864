"""Looks for an image on this machine, else pulls it, with a login to its registry if one is
given."""

import platform
import re
import tempfile
from pathlib import Path

from emulators.batch.containers.engine import Engine
from emulators.batch.containers.failures import invalid_image
from emulators.batch.containers.logins import Opens, login_for, opened, write_login
from emulators.batch.document import Doc
from emulators.batch.scheduler.verdict import Failure

_HUB = "docker.io"
_REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:/@-]{0,511}$")
_PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}


async def ensure_image(
    engine: Engine, image: str, registries: list[Doc], opens: Opens
) -> Failure | None:
    """Make sure that this machine has an image, or return why it cannot."""
    if not _REFERENCE.match(image):
        return invalid_image(image, "This is not the name of an image.")
    here = await engine.call("image", "inspect", "--format", "{{.Architecture}}", image)
    if here.code:
        failure = await _pull(engine, image, login_for(image, registries), opens)
        if failure is not None:
            return failure
        here = await engine.call("image", "inspect", "--format", "{{.Architecture}}", image)
    return _for_other_machines(image, here.out.strip())


def qualified(image: str) -> str:
    """Return the full name of an image; a name without a registry means Docker Hub."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{_HUB}/{image}" if slash else f"{_HUB}/library/{image}"


def processor() -> str:
    """Return this machine's processor, as images name it."""
    return _PROCESSORS.get(platform.machine(), platform.machine())


def _for_other_machines(image: str, built_for: str) -> Failure | None:
    if built_for in ("", processor()):
        return None
    reason = f"no matching manifest for linux/{processor()}: the image is for linux/{built_for}"
    return invalid_image(image, reason)


async def _pull(engine: Engine, image: str, login: Doc | None, opens: Opens) -> Failure | None:
    if login is None:
        answer = await engine.call("pull", qualified(image))
        return invalid_image(image, answer.reason) if answer.code else None
    pair = opened(login, opens)
    if isinstance(pair, Failure):
        return pair
    # The file is deleted afterwards: the password does not stay in the user's own configuration.
    with tempfile.TemporaryDirectory(prefix="batch-login-") as name:
        file = write_login(Path(name), login, *pair)
        if engine.name == "podman":
            answer = await engine.call("pull", "--authfile", str(file), image)
        else:
            answer = await engine.call("--config", name, "pull", image)
    reason = answer.reason.replace(pair[1] or "\0", "***")
    return invalid_image(image, reason) if answer.code else None
