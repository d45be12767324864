"""`fanfare use`: which deployment, or the local stack, commands work on."""

from typing import Annotated

import typer

from pipeline.cli.project import targets
from pipeline.cli.session import Session


def use(
    context: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            help="Environment of azd, env file, URL of an app, or `local`; default: say which."
        ),
    ] = None,
    client: Annotated[
        str, typer.Option(help="With a URL: the client id of the registration its tokens are for.")
    ] = "",
) -> None:
    """Choose what the commands of this project work on, until another choice.

    `--target` of a command goes before it. Commands say on standard error what they work on, unless
    it is the local stack.
    """
    session: Session = context.obj
    project = session.project
    if name is not None:
        targets.save(project, name, client)
    chosen, known = targets.chosen(project).name, [targets.LOCAL, *targets.environments(project)]
    lines = [f"{'→' if one == chosen else ' '} {one}" for one in known]
    lines += [] if chosen in known else [f"→ {chosen}"]
    session.answer({"target": chosen, "targets": known}, "\n".join(lines))
