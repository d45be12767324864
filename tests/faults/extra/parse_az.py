"""Lets the argument parser of az read command lines, one JSON list a line; carries none out.

Runs with the Python of the environment that has azure-cli. Prints "" for a line that is right.
"""

import contextlib
import io
import json
import sys

from azure.cli.core import get_default_cli
from knack.events import EVENT_INVOKER_POST_PARSE_ARGS


class Parsed(BaseException):
    """The parser has read the line; nothing may handle this as an error."""


def stop(_cli, **_more):
    raise Parsed


def complaint(arguments: list[str]) -> str:
    cli = get_default_cli()
    cli.register_event(EVENT_INVOKER_POST_PARSE_ARGS, stop)
    said = io.StringIO()
    with contextlib.redirect_stderr(said):
        try:
            cli.invoke(arguments)
        except Parsed:
            return ""
        except SystemExit as end:
            return f"exit {end.code}: {said.getvalue()}"
    return "it was carried out"


if __name__ == "__main__":
    print(json.dumps([complaint(json.loads(line)) for line in sys.stdin]))
