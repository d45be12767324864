"""Runs commands in the process of a test; the command line is built once for all of them."""

import functools

from typer import testing
from typer.main import get_command
from typer.testing import CliRunner, Result

__all__ = ["CliRunner", "Result"]

# The runner of Typer would build the whole command anew for each call.
testing._get_command = functools.cache(get_command)
