"""The command line: `python -m emulators.functions --data DIR --app APPDIR --settings FILE`."""

import argparse
import asyncio
import os
import random
import socket
import sys
from pathlib import Path

from emulators._gate import take_names
from emulators._http import HOST, bind, die_with_parent, serve
from emulators._keys import VARIABLE
from emulators.functions.app.settings import AppSettings, read_settings
from emulators.functions.errors import StartError
from emulators.functions.host.host import FunctionsHost, HostConfig
from emulators.functions.host.log_lines import JsonLines, configure_logging
from emulators.functions.timespans import Clock


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.functions",
        description="Run an Azure Functions app in Python on this machine, until SIGTERM.",
    )
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (0: any free one)")
    parser.add_argument("--data", type=Path, required=True, help="folder for keys and timer status")
    parser.add_argument(
        "--app", type=Path, required=True, help="folder with host.json and function_app.py"
    )
    parser.add_argument(
        "--settings", type=Path, help="app settings, in the shape of local.settings.json"
    )
    parser.add_argument("--keys", type=Path, help="keys file (default: keys.json in --data)")
    parser.add_argument(
        "--enable-auth", action=argparse.BooleanOptionalAction, default=True, help="check keys"
    )
    parser.add_argument(
        "--clock-scale",
        type=float,
        default=1.0,
        help="divides waits: with 60, ten minutes of hiding pass in ten seconds",
    )
    parser.add_argument(
        "--drain", type=float, default=10.0, help="seconds to finish work when stopped"
    )
    parser.add_argument(
        "--wake",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="poll a queue as soon as a message was put into it; Azure does not",
    )
    parser.add_argument(
        "--doorbell", type=Path, help="with --wake: file with the names of queues that got messages"
    )
    parser.add_argument(
        "--profile",
        choices=["benign", "awkward"],
        default="benign",
        help="awkward shuffles and repeats messages, and loses instances",
    )
    parser.add_argument("--seed", type=int, default=0, help="makes the awkward profile repeatable")
    take_names(parser)
    parser.add_argument("--debug", action="store_true", help="log more")
    return parser


def _config(arguments: argparse.Namespace) -> HostConfig:
    if arguments.clock_scale <= 0:
        raise StartError("--clock-scale must be greater than zero.")
    try:
        arguments.data.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(
            f"The data folder {arguments.data} cannot be used: {error.strerror}."
        ) from error
    return HostConfig(
        app=arguments.app.resolve(),
        data=arguments.data,
        keys_path=arguments.keys or arguments.data / "keys.json",
        settings=AppSettings(read_settings(arguments.settings)),
        clock=Clock(arguments.clock_scale),
        check_keys=arguments.enable_auth,
        die=random.Random(arguments.seed) if arguments.profile == "awkward" else None,  # noqa: S311 - no secret
        drain_s=arguments.drain,
        wake=arguments.wake,
        doorbell=arguments.doorbell,
        allowed_hosts=frozenset(arguments.allowed_host),
    )


def _worker_environ(config: HostConfig, port: int) -> dict[str, str]:
    """Return the environment of the worker: ours, Azure's variables, and the app settings over
    both."""
    return {
        **{name: value for name, value in os.environ.items() if name != VARIABLE},
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
        "FUNCTIONS_EXTENSION_VERSION": "~4",
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsScriptRoot": str(config.app),
        "WEBSITE_HOSTNAME": f"{HOST}:{port}",
        **config.settings.values,
    }


async def _run(config: HostConfig, listener: socket.socket, log: JsonLines) -> None:
    host = FunctionsHost(config, _worker_environ(config, listener.getsockname()[1]), log)
    application = await host.start()
    await serve(
        application,
        "functions",
        listener,
        worker_pid=host.worker.pid,
        functions=sorted(host.functions),
        keys=str(config.keys_path.resolve()),
    )


def main() -> None:
    """Run until SIGTERM; an error in app or settings ends it with one message and exit code 2."""
    die_with_parent()
    arguments = _parser().parse_args()
    log = configure_logging(arguments.debug)
    listener = bind(arguments.port)
    try:
        asyncio.run(_run(_config(arguments), listener, log))
    except StartError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
