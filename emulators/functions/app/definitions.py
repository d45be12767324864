"""Functions as the host sees them: one trigger, some outputs; the start refuses all else."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import cast

from emulators.functions.app.settings import AppSettings
from emulators.functions.errors import StartError
from emulators.functions.worker.wire import FunctionMetadata, Json, Retry

QUEUE, TIMER, HTTP, EVENT_GRID = "queuetrigger", "timertrigger", "httptrigger", "eventgridtrigger"
_TRIGGERS = frozenset({QUEUE, TIMER, HTTP, EVENT_GRID})
_OUTPUTS = frozenset({"queue", "http"})


@dataclass(frozen=True)
class Binding:
    """One binding; property names are in lower case, and `%NAME%` is replaced in its texts."""

    name: str
    type: str
    properties: dict[str, Json] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a property as text."""
        value = self.properties.get(name.lower())
        return default if value is None else str(value)

    def flag(self, name: str, default: bool) -> bool:
        """Return a property as a boolean."""
        value = self.properties.get(name.lower())
        return default if value is None else str(value).lower() == "true"


@dataclass(frozen=True)
class Function:
    """A function with its one trigger and its outputs."""

    id: str
    name: str
    trigger: Binding
    outputs: tuple[Binding, ...] = ()
    retry: Retry | None = None
    disabled: bool = False


def define_functions(found: Iterable[FunctionMetadata], settings: AppSettings) -> list[Function]:
    """Check every function; raises one StartError that names each unsupported binding."""
    functions: list[Function] = []
    problems: list[str] = []
    for metadata in found:
        try:
            functions.append(_define(metadata, settings))
        except (LookupError, ValueError) as error:
            problems.append(f"function {metadata['name']}: {error.args[0]}")
    if problems:
        raise StartError("The app cannot run here.\n  " + "\n  ".join(problems))
    return functions


def _define(metadata: FunctionMetadata, settings: AppSettings) -> Function:
    triggers: list[Binding] = []
    outputs: list[Binding] = []
    for raw in metadata["bindings"]:
        document = cast("dict[str, Json]", json.loads(raw))
        binding = _binding(document, settings)
        outgoing = str(document.get("direction", "")).lower() == "out"
        if binding.type not in (_OUTPUTS if outgoing else _TRIGGERS):
            kind = "output" if outgoing else "trigger or input"
            raise ValueError(
                f"binding {binding.name}: type {document.get('type')} is not a supported {kind}"
            )
        (outputs if outgoing else triggers).append(binding)
    if len(triggers) != 1:
        raise ValueError(f"it has {len(triggers)} triggers, exactly one is needed")
    return Function(
        id=metadata["id"],
        name=metadata["name"],
        trigger=triggers[0],
        outputs=tuple(outputs),
        retry=metadata["retry"],
        disabled=settings.is_disabled(metadata["name"]),
    )


def _binding(document: dict[str, Json], settings: AppSettings) -> Binding:
    name = str(document.get("name", ""))
    properties: dict[str, Json] = {}
    for key, value in document.items():
        try:
            properties[key.lower()] = settings.expand(value) if isinstance(value, str) else value
        except LookupError as error:
            raise LookupError(f"binding {name}: {key}: {error.args[0]}") from error
    if "{" in str(properties.get("queuename", "")):
        raise ValueError(f"binding {name}: expressions in braces are not supported in queueName")
    return Binding(name, str(document.get("type", "")).lower(), properties)
