"""`fanfare package`: the function app of a project and its templates, ready to be deployed."""

import typer

from pipeline.cli.project.package import package as packaged
from pipeline.cli.project.parameters import FILE
from pipeline.cli.session import Session
from pipeline.cli.views import wording


def package(context: typer.Context) -> None:
    """Make the zip of the function app, with all its dependencies, and the templates for azd.

    `azd up` does this by itself and deploys both.
    """
    session: Session = context.obj
    catalogue = session.definitions()
    made = packaged(session.project, catalogue, session.busy)
    answer = {
        "zip": str(made.zip),
        "size": made.size,
        "sha256": made.digest,
        "app": str(made.app),
        "templates": str(made.templates),
        "parameters": made.parameters,
        "pipelines": sorted(catalogue.pipelines),
    }
    values = f"{', '.join(made.parameters)} from {FILE}, the others"
    shown = (
        f"{made.zip}: {wording.size(made.size)}, SHA-256 {made.digest[:12]}…, "
        f"{wording.count(len(catalogue.pipelines), 'pipeline')}\n"
        f"templates: {made.templates}\n"
        f"parameters: {values if made.parameters else 'all'} as the engine has them\n"
        "next: azd up"
    )
    session.answer(answer, shown)
