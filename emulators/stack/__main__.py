"""The command line: `python -m emulators.stack --data DIR --config stack.json`."""

import argparse
import asyncio
import logging
import logging.handlers
import os
import sys
from pathlib import Path

from emulators._forward import PortTaken
from emulators.stack.config import read_config
from emulators.stack.errors import StackError
from emulators.stack.launcher import Stack, owned

_LOG_BYTES = 1_000_000
_PRIVATE = 0o077  # blobs, logs and keys are for nobody else on this machine


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m emulators.stack", description="Run all emulators until SIGTERM."
    )
    parser.add_argument("--data", type=Path, required=True, help="folder that keeps everything")
    parser.add_argument("--config", type=Path, required=True, help="what to run, as JSON")
    parser.add_argument(
        "--with-starter",
        action="store_true",
        help="stop when stdin ends, unless the line `stay` came before",
    )
    return parser.parse_args()


def _log_to(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = logging.handlers.RotatingFileHandler(path, maxBytes=_LOG_BYTES, backupCount=1)
    layout = "%(asctime)s %(levelname)s %(message)s %(service)s"
    handler.setFormatter(logging.Formatter(layout, defaults={"service": ""}))
    logging.basicConfig(level=logging.INFO, handlers=[handler])


def main() -> None:
    """Run the stack; an error that prevents it is one message on stderr and exit code 2."""
    arguments = _arguments()
    data: Path = arguments.data.resolve()
    os.umask(_PRIVATE)  # all services inherit it
    try:
        config = read_config(arguments.config)
        with owned(data):
            data.chmod(0o700)
            _log_to(data / "logs" / "stack.log")
            asyncio.run(Stack(config, data).run(with_starter=arguments.with_starter))
    except (StackError, PortTaken) as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()
