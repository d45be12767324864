"""Chooses the loopback port of each service once for a data folder, then keeps it."""

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from emulators._http import reserve
from emulators.stack.errors import StackError
from emulators.stack.files import write_private

NAMES = (
    "storage", "storage.blob", "storage.queue", "storage.table", "eventgrid", "batch", "functions",
)  # fmt: skip


def choose_ports(memory: Path, fixed: Mapping[str, int]) -> dict[str, int]:
    """Return a free port for every name: the configured one, else the remembered one, else any."""
    unknown = sorted(set(fixed) - set(NAMES))
    if unknown:
        raise StackError(f"ports: {unknown[0]} is not one of {', '.join(NAMES)}.")
    remembered = _recall(memory)
    with ExitStack() as held:
        # All stay bound until the last is chosen, so that no two are equal.
        ports = {name: _reserve(held, name, fixed, remembered, memory) for name in NAMES}
    write_private(memory, ports)
    return ports


def _recall(memory: Path) -> dict[str, int]:
    try:
        document = json.loads(memory.read_text("utf-8"))
        return {name: int(document[name]) for name in NAMES if name in document}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError) as error:
        raise StackError(f"{memory} is damaged: delete it to have ports chosen anew.") from error


def _reserve(
    held: ExitStack,
    name: str,
    fixed: Mapping[str, int],
    remembered: Mapping[str, int],
    memory: Path,
) -> int:
    port = fixed.get(name) or remembered.get(name, 0)
    try:
        listener = held.enter_context(reserve(port))
    except OSError as error:
        way_out = (
            "choose another" if name in fixed else f"delete {memory} to have ports chosen anew"
        )
        raise StackError(
            f"Port {port} for {name} is taken ({error.strerror}): "
            f"stop the process that holds it, or {way_out}."
        ) from error
    return int(listener.getsockname()[1])
