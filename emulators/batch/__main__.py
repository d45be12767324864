"""Runs the emulator: `python -m emulators.batch --account NAME --key BASE64 --data DIR`."""

import argparse
import asyncio
import base64
import binascii
import logging
import os
import socket
import ssl
import sys
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from emulators import _http
from emulators.batch.auth import Gate
from emulators.batch.entra import issuers_of
from emulators.batch.options import Options
from emulators.batch.service.emulator import Emulator
from emulators.batch.store import Store
from emulators.batch.wire.admin import Admin
from emulators.batch.wire.shell import Shell

_ACCEPTED_BYTES = (1 << 20) + 4096


def read_options(argv: list[str]) -> tuple[int, Options]:
    """Read the command line; returns the port and the settings."""
    parser = _parser()
    given = vars(parser.parse_args(argv))
    port = int(given.pop("port"))
    given["live_samples"] = not given.pop("no_live_samples")
    given["data"] = given["data"].resolve()
    _settle_authentication(parser, given)
    try:
        base64.b64decode(given["key"], validate=True)
    except binascii.Error:
        parser.error("--key has to be base64")
    return port, Options(**given)


def _settle_authentication(parser: argparse.ArgumentParser, given: dict[str, Any]) -> None:
    """Turn the flags on tokens, modes and TLS into settings, or refuse what makes no sense."""
    tenant = given.pop("entra_tenant")
    given["entra_issuers"] = (*given.pop("entra_issuer"), *(issuers_of(tenant) if tenant else ()))
    tokens = bool(given["entra_keys"]) or given["entra_unverified"]
    if given["entra_keys"] and given["entra_unverified"]:
        parser.error("--entra-unverified looks at no signature: leave --entra-keys out")
    if given["entra_keys"] and not given["entra_issuers"]:
        parser.error("--entra-keys needs --entra-tenant or --entra-issuer: whose tokens are good?")
    modes = given["authentication_modes"] or ("SharedKey,AAD" if tokens else "SharedKey")
    given["authentication_modes"] = frozenset(one.strip() for one in modes.split(","))
    if not given["authentication_modes"] <= {"SharedKey", "AAD"}:
        parser.error("--authentication-modes takes SharedKey, AAD, or both with a comma")
    if ("AAD" in given["authentication_modes"]) is not tokens:
        parser.error("the mode AAD and one of --entra-keys, --entra-unverified go together")
    if (given["cert"] is None) is not (given["key_file"] is None):
        parser.error("--cert and --key-file go together")


def _add_authentication(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument_group("tokens and TLS").add_argument
    add("--entra-tenant", default="", help="tenant whose access tokens are good")
    issuer = "issuer whose access tokens are good; may be repeated"
    add("--entra-issuer", action="append", default=[], help=issuer)
    audience = "audience that tokens must have; trailing slashes are no difference"
    add("--entra-audience", default=Options.entra_audience, help=audience)
    add("--entra-keys", default="", help="JWKS file or URL that signatures are verified with")
    unverified = "accept tokens whatever their signature; life, audience and issuer still count"
    add("--entra-unverified", action="store_true", help=unverified)
    modes = "SharedKey, AAD, or both; default: SharedKey, and AAD where tokens are set up"
    add("--authentication-modes", default="", help=modes)
    add("--cert", type=Path, help="PEM certificate chain: serve https")
    add("--key-file", type=Path, help="PEM private key of --cert")


def _tls(options: Options) -> ssl.SSLContext | None:
    if options.cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.cert, options.key_file)
    except (OSError, ssl.SSLError) as error:
        sys.exit(f"{options.cert} and {options.key_file} cannot be used for TLS ({error}).")
    return context


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.batch",
        description="Azure Batch on one machine: real clients, real processes, no Azure.",
    )
    add = parser.add_argument
    add("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes any free one")
    add("--account", required=True, help="name of the Batch account")
    add("--key", required=True, help="its key, base64")
    add("--data", required=True, type=Path, help="folder for state and nodes; kept across restarts")
    identities = "JSON: identity resource id -> {account, key, blobEndpoint}"
    add("--identities", type=Path, help=identities)
    profiles, paces = ("benign", "awkward"), ("immediate", "timed", "manual")
    awkward = "awkward misbehaves, reproducibly"
    add("--profile", choices=profiles, default="benign", help=awkward)
    add("--seed", type=int, default=0, help="seed of the awkward profile")
    add("--timing", choices=paces, default="immediate", help="pace of nodes and jobs")
    speed = "emulated seconds a second; 0 stands still until POST /_admin/clock"
    add("--clock-speed", type=float, default=1.0, help=speed)
    simulate = "tasks only take emulated time: no processes, no files"
    add("--simulate", action="store_true", help=simulate)
    seconds = "emulated seconds of a simulated task that does not set SIMULATED_SECONDS"
    add("--simulated-seconds", type=float, default=60.0, help=seconds)
    path = os.environ.get("PATH", "")
    add("--node-path", default=path, help="PATH of tasks; default: this process's own")
    between = "least time between two enable calls"
    add("--autoscale-min-seconds", type=float, default=30.0, help=between)
    scale = "factor on evaluation and sample intervals"
    add("--autoscale-interval-scale", type=float, default=1.0, help=scale)
    add("--no-live-samples", action="store_true", help="formulas see only the periodic samples")
    add("--active-job-quota", type=int, default=300, help="jobs that may be active at once")
    add("--node-quota", type=int, default=100, help="nodes that the account may have")
    public = "let resource files come from URLs without SAS or identity"
    add("--public-urls", action="store_true", help=public)
    engines = ("auto", "podman", "docker", "none")
    engine = "what runs container tasks; auto takes the first that works, sought when one is wanted"
    add("--container-engine", choices=engines, default="auto", help=engine)
    _add_authentication(parser)
    return parser


async def run(options: Options, listener: socket.socket) -> None:
    """Serve until SIGTERM."""
    store = Store(options.data)
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=None, connect=30, sock_read=120)
    )
    emulator = Emulator(options, store, session)
    tls = _tls(options)
    scheme = "https" if tls else "http"
    await emulator.start(f"{scheme}://{_http.HOST}:{listener.getsockname()[1]}")
    app = web.Application(client_max_size=_ACCEPTED_BYTES)
    app.add_routes(Admin(emulator).routes())
    app.router.add_route("*", "/{path:.*}", Shell(emulator, Gate(options, session)).handle)

    async def close(_: web.Application) -> None:
        await emulator.close()

    app.on_cleanup.append(close)
    await _http.serve(app, "batch", listener, tls=tls)


def main() -> None:
    """Run the program."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s %(message)s"
    )
    port, options = read_options(sys.argv[1:])
    _http.die_with_parent()
    asyncio.run(run(options, _http.bind(port)))


if __name__ == "__main__":
    main()
