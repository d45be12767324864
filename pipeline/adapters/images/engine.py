"""Finds the container engines of this machine, and asks them for an image that they have."""

import json
import shutil
import subprocess
from collections.abc import Iterator

from pipeline.domain.definitions.images import parts_of
from pipeline.ports.images import ImageFacts

_ENGINES = ("podman", "docker")
_TIMEOUT_S = 20


def programs() -> Iterator[str]:
    """Yield the paths of this machine's container engines, the one to prefer first."""
    return filter(None, map(shutil.which, _ENGINES))


def find(image: str) -> ImageFacts | None:
    """Return what this machine's engine has under a name, or None if it has nothing.

    Nodes of the local stack use the same engine, and never pull what it has.
    """
    for engine in programs():
        try:
            done = subprocess.run(
                [engine, "image", "inspect", image],
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
            (found,) = json.loads(done.stdout) if done.returncode == 0 else (None,)
        except (OSError, ValueError, subprocess.TimeoutExpired):
            continue
        if isinstance(found, dict):
            return _facts(image, found)
    return None


def _facts(image: str, found: dict[str, object]) -> ImageFacts:
    parts = parts_of(image)
    repository = f"{parts.registry}/{parts.path}@"
    listed = found.get("RepoDigests")
    digests = [str(one) for one in listed] if isinstance(listed, list) else []
    config = found.get("Config")
    variables = config.get("Env") if isinstance(config, dict) else None
    path = next((v[5:] for v in variables or () if str(v).startswith("PATH=")), "")
    known = next((one for one in digests if one.startswith(repository)), "")
    local = parts.registry == "localhost" or not known
    return ImageFacts(
        image if local else known,
        str(found.get("Id", "")) if local else known.partition("@")[2],
        frozenset({str(found.get("Architecture", ""))}),
        path,
        present=True,
    )
