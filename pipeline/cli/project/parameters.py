"""The parameters of the templates that a project deploys, as azd reads them."""

import json
from collections.abc import Mapping

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project

_FILES = ("infra/main.parameters.json", ".fanfare/azure/infra/main.parameters.json")
PYTHON = "3.13"  # the default of `pythonVersion` in infra/main.bicep


def python_version(project: Project) -> str:
    """Return the Python that the app is deployed with. Raises CommandError for a broken file."""
    chosen = _parameters(project).get("pythonVersion")
    value = chosen.get("value") if isinstance(chosen, Mapping) else None
    return str(value) if value else PYTHON


def subscribers(project: Project) -> frozenset[str] | None:
    """Name the subscribers that the parameters declare; None if that is not known here.

    Raises CommandError for a broken file.
    """
    parameters = _parameters(project)
    declared = parameters.get("subscribers", {"value": []})
    listed = declared.get("value") if isinstance(declared, Mapping) else None
    if not parameters or not isinstance(listed, list):
        return None
    return frozenset(str(one.get("name")) for one in listed if isinstance(one, Mapping))


def _parameters(project: Project) -> Mapping[str, object]:
    path = next((file for name in _FILES if (file := project.root / name).is_file()), None)
    if path is None:
        return {}
    try:
        parameters = json.loads(path.read_text("utf-8"))["parameters"]
        return {str(name): value for name, value in parameters.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CommandError(
            f"{path} cannot be read ({error}): write it as azd wants it, with `parameters`.",
            Exit.USAGE,
        ) from error
