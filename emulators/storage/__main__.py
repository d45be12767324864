"""Runs the storage emulator: Azurite as a child, an outbox of events, a health endpoint."""

import argparse
import asyncio
import fcntl
import socket
import sys
from pathlib import Path
from typing import IO

from aiohttp import web

from emulators import _http, _keys
from emulators._gate import Refusal
from emulators._porter import Porter
from emulators.storage import azurite
from emulators.storage.lifecycle import PolicyUnusable, Rule, keep, read_rules
from emulators.storage.ports import SERVICES, PortTaken, choose_ports, remember_ports

_LAUNCH = web.AppKey("launch", azurite.Launch)
_CHILD = web.AppKey("child", asyncio.subprocess.Process)
_LOCK_WAIT_S = 30.0
_LOCK_POLL_S = 0.05


def main() -> None:
    """Parse the command line and serve until SIGTERM."""
    arguments = _parse()
    sys.exit(asyncio.run(_run(arguments)))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.storage", description=__doc__, fromfile_prefix_chars="@"
    )
    parser.add_argument("--port", type=int, default=0, help="health endpoint (0: any free port)")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--account", default="fanfare", help="name of the account (fanfare)")
    parser.add_argument("--key", help=_keys.HELP)
    for service in SERVICES:
        parser.add_argument(
            f"--{service}-port", type=int, default=0, help="0: the remembered or a free port"
        )
    parser.add_argument(
        "--profile",
        choices=("benign", "awkward"),
        default="benign",
        help="awkward puts some eTags of events in quotation marks",
    )
    parser.add_argument("--seed", type=int, default=0, help="makes the awkward profile repeatable")
    parser.add_argument("--cert", type=Path, help="PEM: serve https, and accept bearer tokens too")
    parser.add_argument("--key-file", type=Path, help="PEM: the private key of --cert")
    parser.add_argument(
        "--lifecycle", type=Path, help="JSON: a management policy that deletes old blobs"
    )
    arguments = parser.parse_args()
    if bool(arguments.cert) != bool(arguments.key_file):
        parser.error("--cert and --key-file go together.")
    try:
        arguments.key = _keys.take_key(arguments.key, sys.argv[1:], arguments.data).text
    except _keys.KeyUnusable as error:
        parser.error(str(error))
    return arguments


async def _run(arguments: argparse.Namespace) -> int:
    data: Path = arguments.data.resolve()
    (data / "azurite").mkdir(parents=True, exist_ok=True)
    asked = {service: getattr(arguments, f"{service}_port") for service in SERVICES}
    memory = data / "ports.json"
    seed = str(arguments.seed) if arguments.profile == "awkward" else None
    with (data / "lock").open("a") as lock:
        try:
            rules = read_rules(arguments.lifecycle) if arguments.lifecycle else []
            await _own(lock, data)
            listener = _http.bind(arguments.port)
            ports = choose_ports(asked, memory)
            launch = azurite.Launch(
                data,
                arguments.account,
                arguments.key,
                ports,
                etag_seed=seed,
                tls=(arguments.cert, arguments.key_file) if arguments.cert else None,
            )
            child = await azurite.start(launch, lock)
        except (PortTaken, PolicyUnusable, azurite.AzuriteUnusable, OSError) as error:
            print(f"storage: {error}", file=sys.stderr)
            return 2
        remember_ports(ports, memory)
        try:
            return await _serve(launch, child, listener, rules)
        finally:
            await azurite.stop(child)


async def _own(lock: IO[str], data: Path) -> None:
    # The Azurite of a killed emulator may still be writing, so give it time.
    for _ in range(int(_LOCK_WAIT_S / _LOCK_POLL_S)):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(_LOCK_POLL_S)
        else:
            return
    raise PortTaken(
        f"Another storage emulator uses {data}: stop it, or choose another folder with --data."
    )


def _porter() -> Porter:
    """Return the porter of the health endpoint; none stands before Azurite's own ports."""

    def answer(_: web.Request, refused: Refusal) -> web.Response:
        return web.json_response({"error": str(refused)}, status=refused.status)

    return Porter((), "", lambda _: False, answer)


async def _serve(
    launch: azurite.Launch,
    child: asyncio.subprocess.Process,
    listener: socket.socket,
    rules: list[Rule],
) -> int:
    app = web.Application(middlewares=[_porter().middleware()])
    app[_LAUNCH], app[_CHILD] = launch, child
    app.router.add_get("/health", _health)
    serving = asyncio.create_task(
        _http.serve(
            app,
            "storage",
            listener,
            blob=launch.endpoint("blob"),
            queue=launch.endpoint("queue"),
            table=launch.endpoint("table"),
            connection_string=launch.connection_string(),
            outbox=str(launch.outbox),
            doorbell=str(launch.doorbell),
        )
    )
    ended = asyncio.create_task(child.wait())
    cleaning = asyncio.create_task(keep(rules, launch.connection_string())) if rules else None
    await asyncio.wait({serving, ended}, return_when=asyncio.FIRST_COMPLETED)
    if cleaning is not None:
        cleaning.cancel()
    if serving.done():
        ended.cancel()
        return 0
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    print(f"storage: Azurite ended by itself; see {launch.log}.", file=sys.stderr)
    return 1


async def _health(request: web.Request) -> web.Response:
    launch = request.app[_LAUNCH]
    services = {name: await azurite.accepts(port) for name, port in launch.ports.items()}
    healthy = all(services.values()) and request.app[_CHILD].returncode is None
    body = {"status": "healthy" if healthy else "unhealthy", "services": services}
    return web.json_response(body, status=200 if healthy else 503)


if __name__ == "__main__":
    main()
