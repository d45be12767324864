"""Chooses the loopback ports of Azurite's services and keeps them as long as the data folder.

URLs of blobs are stored in ledgers and manifests, so a restart must serve the same ones.
"""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from emulators._http import reserve

SERVICES = ("blob", "queue", "table")


class PortTaken(Exception):
    """A requested or remembered port belongs to another process."""


def choose_ports(asked: Mapping[str, int], memory: Path) -> dict[str, int]:
    """Return a port for each service: the requested one, else the remembered one, else a free
    one."""
    remembered = _recall(memory)
    with ExitStack() as held:
        return {
            service: _reserve(
                held, service, asked.get(service, 0) or remembered.get(service, 0), memory
            )
            for service in SERVICES
        }


def remember_ports(ports: Mapping[str, int], memory: Path) -> None:
    """Write the ports down for the next start."""
    memory.write_text(json.dumps(dict(ports)) + "\n")


def _recall(memory: Path) -> dict[str, int]:
    if not memory.exists():
        return {}
    try:
        held = json.loads(memory.read_text())
        return {service: int(held[service]) for service in SERVICES}
    except (ValueError, KeyError, TypeError) as error:
        raise PortTaken(f"{memory} cannot be read: delete it, and new ports are chosen.") from error


def _reserve(held: ExitStack, service: str, port: int, memory: Path) -> int:
    # All three stay bound until the last is chosen, so that no two services get the same port.
    try:
        listener = held.enter_context(reserve(port))
    except OSError as error:
        raise PortTaken(
            f"Port {port} for the {service} service is taken ({error.strerror}): stop the "
            f"process that holds it, give another with --{service}-port, or delete {memory} "
            "to have new ones chosen."
        ) from error
    return int(listener.getsockname()[1])
