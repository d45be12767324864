"""Runs the emulator: `batch-emulator`, or `python -m emulators.batch` in a checkout. `--help` lists
all options."""

import asyncio
import logging
import os
import socket
import ssl
import sys

import aiohttp
from aiohttp import web

from emulators import _http
from emulators._forward import PortTaken, forwarding, own_addresses
from emulators.batch.auth import Gate
from emulators.batch.command_line import read_options
from emulators.batch.entries import porter
from emulators.batch.faults import BadRule, read_rules
from emulators.batch.options import Options
from emulators.batch.page.routes import Page
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.pools.spot import BadTrace
from emulators.batch.store import Store
from emulators.batch.wire.admin import Admin
from emulators.batch.wire.routes import OPERATIONS
from emulators.batch.wire.shell import Shell


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.cert, options.key_file)
    except (OSError, ssl.SSLError) as error:
        sys.exit(f"{options.cert} and {options.key_file} cannot be used for TLS ({error}).")
    return context


def _greet(options: Options, endpoint: str) -> None:
    """Tell a person at a terminal what a launcher reads from the ready line."""
    if sys.stderr.isatty():
        lines = (
            f"Azure Batch on this machine, account {options.account}",
            f"  page      {endpoint}/#{options.key}   in a browser: what goes on",
            f"  endpoint  {endpoint}",
            f"  key       {options.key}",
            f"  data      {options.data}   kept; another --data starts afresh",
            "  Ctrl-C stops it. README.md beside this program has the first lines of Python.",
        )
        print("\n".join(lines), file=sys.stderr)


async def run(options: Options, listener: socket.socket, **more: object) -> None:
    """Serve until SIGTERM."""
    store = Store(options.data)
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, connect=30, sock_read=120)
    )
    try:
        emulator = Emulator(options, store, session)
        if options.faults is not None:
            emulator.ctx.faults.add(read_rules(options.faults, OPERATIONS))
        tls = _tls(options)
    except (BadTrace, BadRule) as error:
        await session.close()
        sys.exit(str(error))
    except SystemExit:
        await session.close()
        raise
    scheme = "https" if tls else "http"
    endpoint = f"{scheme}://{_http.HOST}:{listener.getsockname()[1]}"
    await emulator.start(endpoint)
    _greet(options, endpoint)
    app = web.Application(middlewares=[porter(options).middleware()])
    shell = Shell(emulator, Gate(options, session))
    app.add_routes(Page(emulator.ctx, shell.handle).routes())
    app.add_routes(Admin(emulator).routes())
    app.router.add_route("*", "/{path:(?s:.*)}", shell.handle)

    async def close(_: web.Application) -> None:
        await emulator.close()

    app.on_cleanup.append(close)
    await _http.serve(app, "batch", listener, tls=tls, **more)


async def reachable(options: Options, listener: socket.socket, **more: object) -> None:
    """Serve as `run` does, on this machine's other addresses too if the options say so."""
    addresses = own_addresses() if options.published else []
    try:
        async with forwarding(addresses, [listener.getsockname()[1]]):
            await run(options, listener, **more)
    except PortTaken as error:
        sys.exit(str(error))


def main() -> None:
    """Run the program."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s"
    )
    port, options, key = read_options(sys.argv[1:])
    _http.die_with_parent()
    if options.users == "map":
        os.umask(0o077)  # users of tasks pass the data folder
    asyncio.run(reachable(options, _http.bind(port), **key.told()))


if __name__ == "__main__":
    main()
