"""Runs the Event Grid emulator until SIGTERM."""

import argparse
import asyncio
import json
import logging
import socket
import ssl
import sys
import time
from pathlib import Path

import aiohttp

from emulators import _http, _keys
from emulators._gate import take_names
from emulators.eventgrid.auth import Gate
from emulators.eventgrid.broker import Broker
from emulators.eventgrid.destinations import Destinations
from emulators.eventgrid.dispatcher import Dispatcher, Pace
from emulators.eventgrid.faults import AWKWARD, BENIGN, FaultDice
from emulators.eventgrid.outbox import Outbox, Position, follow
from emulators.eventgrid.routes import Service, application
from emulators.eventgrid.storage_wire import BadConnectionString, StorageAccount, StorageClient
from emulators.eventgrid.store import Store, StoreUnusable
from emulators.eventgrid.subscriptions import Arm, BadSubscription

_FORGET_EVERY_S = 3600.0

AUDIENCE = "https://eventgrid.azure.net"


def main() -> None:
    """Parse the command line and serve."""
    arguments = _parse()
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="eventgrid: %(message)s")
    try:
        sys.exit(asyncio.run(_run(arguments)))
    except (StoreUnusable, BadSubscription, BadConnectionString, OSError) as error:
        print(f"eventgrid: {error}", file=sys.stderr)
        sys.exit(2)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.eventgrid", description=__doc__, fromfile_prefix_chars="@"
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: any free one)")
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--config", type=Path, required=True, help="topics and eventSubscriptions")
    parser.add_argument("--storage-outbox", type=Path, help="outbox file of the storage emulator")
    parser.add_argument(
        "--storage-connection",
        help="connection string for queues and blobs; with a key in it, @FILE",
    )
    _add_entra(parser)
    parser.add_argument("--key", help=_keys.HELP)
    take_names(parser)
    parser.add_argument("--time-scale", type=float, default=1.0, help="divides every retry wait")
    parser.add_argument(
        "--startup-grace-s",
        type=float,
        default=60.0,
        help="seconds in which a missing destination is tried again soon and not counted",
    )
    parser.add_argument(
        "--profile",
        choices=("benign", "awkward"),
        default="benign",
        help="awkward loses, doubles, delays and shuffles events",
    )
    parser.add_argument("--seed", type=int, default=0, help="makes the awkward profile repeatable")
    arguments = parser.parse_args()
    if arguments.time_scale <= 0:
        parser.error("--time-scale has to be above 0.")
    if bool(arguments.entra_tenant) is not bool(arguments.entra_keys):
        parser.error("--entra-tenant and --entra-keys go together.")
    if (arguments.cert is None) is not (arguments.key_file is None):
        parser.error("--cert and --key-file go together.")
    try:
        _keys.check_connection(sys.argv[1:])
        arguments.key = _keys.take_key(arguments.key, sys.argv[1:], arguments.data)
    except _keys.KeyUnusable as error:
        parser.error(str(error))
    return arguments


def _add_entra(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--entra-tenant", help="tenant whose tokens may publish")
    parser.add_argument("--entra-keys", help="JWKS file or URL that verifies their signatures")
    parser.add_argument("--cert", type=Path, help="PEM certificate chain: serve https")
    parser.add_argument("--key-file", type=Path, help="PEM private key of --cert")


def _read_config(path: Path) -> Arm:
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise BadSubscription(f"{path} is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise BadSubscription(f"{path} has to hold an object.")
    return config


async def _run(arguments: argparse.Namespace) -> int:
    config = _read_config(arguments.config)
    arguments.data.mkdir(parents=True, exist_ok=True)
    listener = _http.bind(arguments.port)
    store = Store(arguments.data / "eventgrid.db")
    try:
        faults = AWKWARD if arguments.profile == "awkward" else BENIGN
        broker = Broker(config, store, FaultDice(arguments.seed, faults))
        async with aiohttp.ClientSession() as session:
            service = _assemble(arguments, broker, session)
            told = arguments.key.told()
            await _serve(service, listener, _tls(arguments), told)
            return 0
    finally:
        store.close()


def _assemble(
    arguments: argparse.Namespace, broker: Broker, session: aiohttp.ClientSession
) -> Service:
    storage = outbox = None
    if arguments.storage_connection:
        account = StorageAccount.parse(arguments.storage_connection)
        storage = StorageClient(account, session)
    if arguments.storage_outbox:
        position = Position.load(broker.store.outbox_position())
        outbox = Outbox(arguments.storage_outbox.resolve(), position)
    destinations = Destinations(session, storage)
    pace = Pace(arguments.time_scale, time.time() + arguments.startup_grace_s)
    dispatcher = Dispatcher(broker, destinations, pace)
    hosts = frozenset(arguments.allowed_host)
    return Service(broker, dispatcher, destinations, outbox, _gate(arguments, session), hosts)


def _gate(arguments: argparse.Namespace, session: aiohttp.ClientSession) -> Gate:
    key: _keys.Key = arguments.key
    if not arguments.entra_keys:
        return Gate(key.text)
    # A tenth of a second to import; a topic with a key never needs it.
    from emulators._entra import Entra, issuers_of  # noqa: PLC0415 see above
    from emulators._signing_keys import SigningKeys  # noqa: PLC0415 see above

    keys = SigningKeys(arguments.entra_keys, session)
    entra = Entra(issuers_of(arguments.entra_tenant), AUDIENCE, keys)
    # A key that was only drawn for the emulator's own routes opens no topic.
    return Gate(key.text, entra, keys_publish=key.file is None)


def _tls(arguments: argparse.Namespace) -> ssl.SSLContext | None:
    if arguments.cert is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(arguments.cert, arguments.key_file)
    return context


async def _serve(
    service: Service,
    listener: socket.socket,
    tls: ssl.SSLContext | None,
    told: dict[str, object],
) -> None:
    serving = asyncio.create_task(
        _http.serve(application(service), "eventgrid", listener, tls=tls, **told)
    )
    tasks = [
        serving,
        asyncio.create_task(service.dispatcher.run()),
        asyncio.create_task(_forget(service.broker)),
    ]
    if service.outbox is not None:
        tasks.append(asyncio.create_task(follow(service.outbox, service.broker.take_outbox)))
    done, running = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await service.dispatcher.stop()
    for task in done:
        task.result()


async def _forget(broker: Broker) -> None:
    while True:
        await asyncio.sleep(_FORGET_EVERY_S)
        broker.store.forget_finished(time.time())


if __name__ == "__main__":
    main()
