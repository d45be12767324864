"""The parameters of the templates that a project deploys, as azd reads them.

A project writes its own values into `infra/main.parameters.json`. What is deployed has them over
those of the engine, below `.fanfare/azure/infra/`.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project
from pipeline.domain.notation.spelling import nearest

FILE = "infra/main.parameters.json"
_FILES = (FILE, f".fanfare/azure/{FILE}")
_DECLARED = re.compile(r"^param (\w+) ", re.MULTILINE)
PYTHON = "3.13"  # the default of `pythonVersion` in infra/main.bicep


@dataclass(frozen=True)
class Deployed:
    """The file of parameters that azd reads, and which of them the project has of its own."""

    text: str
    own: list[str]


def deployed(project: Project) -> Deployed:
    """Put a project's values over the engine's. Raises CommandError for a file that is wrong."""
    engines = json.loads((APP_ROOT / FILE).read_text("utf-8"))
    path = project.root / FILE
    values = _read(path) if path.is_file() else {}
    known = _DECLARED.findall((APP_ROOT / "infra/main.bicep").read_text("utf-8"))
    for name in values:
        if name not in known:
            raise CommandError(
                f"{path} is wrong: the templates have no parameter {name[:60]!r}"
                f"{nearest(name, known)} (known: {', '.join(sorted(known))}).",
                Exit.USAGE,
            )
    before = engines["parameters"]
    own = sorted(name for name, value in values.items() if before.get(name) != value)
    merged = {**engines, "parameters": {**before, **values}}
    return Deployed(json.dumps(merged, indent=2) + "\n", own)


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
    return _read(path) if path else {}


def _read(path: Path) -> dict[str, object]:
    try:
        parameters = json.loads(path.read_text("utf-8"))["parameters"]
        return {str(name): value for name, value in parameters.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise CommandError(
            f"{path} cannot be read ({error}): write it as azd wants it, with `parameters`.",
            Exit.USAGE,
        ) from error
