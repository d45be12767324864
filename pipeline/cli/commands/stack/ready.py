"""`fanfare ready`: whether the local stack can be used, and how programs reach it."""

from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from pipeline.cli.commands.up_down import DataOption
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.stack import repair
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.target import StackDown, read_env

# The Python client's fixture `fanfare_stack` reads these names.
_URL, _KEY, _STORAGE = "FANFARE_STACK_URL", "FANFARE_STACK_KEY", "FANFARE_STACK_STORAGE"


def ready(
    context: typer.Context,
    data: DataOption = None,
    *,
    env: Annotated[
        bool, typer.Option("--env", help="Print NAME=value lines with address and keys.")
    ] = False,
) -> None:
    """Say whether the local stack is up and all of it answers; exit with 3 if not.

    It starts and mends nothing, so a health check may ask it often.
    """
    session: Session = context.obj
    stack = session.stack(data)
    if not stack.running():
        raise StackDown(stack.command("up"))
    url = stack.app_url()
    if not (url and stack.env.exists()):  # written last
        raise CommandError("The local stack is starting: ask again soon.", Exit.UNREACHABLE)
    if silent := repair.silent(stack):
        raise CommandError(
            f"The local stack does not answer: {', '.join(silent)}. "
            f"`{stack.command('up')}` mends it.",
            Exit.UNREACHABLE,
        )
    if env:
        values = {_URL: url, **_keys(stack)}
        # Each a line, however long it is.
        lines = (f"{name}={text}" for name, text in values.items())
        session.answer(
            values, Group(*(Text(line, no_wrap=True, overflow="ignore") for line in lines))
        )
    else:
        session.answer({"ready": True, "url": url}, f"The local stack is ready: {url}")


def _keys(stack: LocalStack) -> dict[str, str]:
    """Return what opens the stack; it is printed only if it is asked for."""
    connection = read_env(stack.env)["AzureWebJobsStorage"]
    return {_KEY: stack.function_key(), _STORAGE: connection}
