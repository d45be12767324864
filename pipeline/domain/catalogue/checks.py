"""Checks of one pipeline that involve several keys: placeholders, stages that need an input."""

from collections.abc import Iterable, Iterator

from pipeline.domain.catalogue.file import Where
from pipeline.domain.definitions.pipeline import Alias, Pipeline
from pipeline.domain.definitions.splits import COUNTS
from pipeline.domain.notation.patterns import placeholders_of
from pipeline.domain.notation.placeholders import RESERVED, names_in
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.plans.plan import Delivery
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import CONTAINERS, OUTPUT

type Finding = tuple[Where, str]

_TASK = ("input", "inputs", "output", "item")
_ASSEMBLE = ("input", "inputs", "output", "parts")
_SPLIT = ("input", "output")


def check_pipeline(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield every key that contradicts another one, with the reason."""
    yield from _parameter_names(pipeline)
    yield from _arguments(pipeline)
    yield from _counts(pipeline)
    yield from _inputs(pipeline)
    yield from _schedule(pipeline)
    yield from _outputs(pipeline)
    yield from _containers(pipeline)
    yield from _path(pipeline)
    yield from _delivery(pipeline)


def _delivery(pipeline: Pipeline) -> Iterator[Finding]:
    """Refuse a delivery of the input that the split or the task cannot take."""
    where: Where = ("input", "delivery")
    delivery, task = pipeline.input.delivery, pipeline.task
    if delivery is Delivery.RANGE and not pipeline.split.files:
        yield where, "range is for the splits lines, csv and bytes, whose items are parts of it"
    if delivery is Delivery.NODE and not task.has_runner:
        yield where, "node needs the runner: name the image's Python in task.python, or use task"
    texts = (*task.arguments, *(task.command or ()))
    if delivery is Delivery.URL and pipeline.split.files:
        yield (
            where,
            f"url is for programs that read the input: the split {pipeline.split.kind} cuts it",
        )
    elif delivery is Delivery.URL and {"{input}", "{inputs}"} & _used(texts):
        yield where, "with url there is no file {input}: read it by the variable FANFARE_INPUT_URL"


def _used(texts: Iterable[str]) -> set[str]:
    return {name for name in ("{input}", "{inputs}") if any(name in text for text in texts)}


def _parameter_names(pipeline: Pipeline) -> Iterator[Finding]:
    for name in pipeline.parameters:
        if name in RESERVED:
            yield ("parameters", name), f"{{{name}}} already has a meaning: choose another name"
        elif name in pipeline.split.item_parameters:
            yield ("parameters", name), "the split's items already have it: choose another name"
    for name in pipeline.split.item_parameters:
        if name in RESERVED:
            where: Where = ("split", "program", "parameters")
            if pipeline.split.grid:
                where = ("split", "grid", name)
            yield where, f"{{{name}}} already has a meaning: choose another name"


def _arguments(pipeline: Pipeline) -> Iterator[Finding]:
    split, task, assemble = pipeline.split, pipeline.task, pipeline.assemble
    parameters = tuple(pipeline.parameters)
    known = (*_TASK, *split.item_parameters, *parameters)
    yield from _texts(("task", "arguments"), task.arguments, known)
    yield from _texts(("task", "command"), task.command or (), known)
    if split.program:
        where: Where = ("split", "program", "arguments")
        yield from _texts(where, split.program.arguments, (*_SPLIT, *parameters))
    if split.blobs:
        yield from _text(("split", "blobs", "prefix"), split.blobs.prefix, parameters)
    if assemble.program:
        where = ("assemble", "program", "arguments")
        yield from _texts(where, assemble.program.arguments, (*_ASSEMBLE, *parameters))


def _texts(where: Where, texts: Iterable[str], known: tuple[str, ...]) -> Iterator[Finding]:
    for number, text in enumerate(texts):
        yield from _text((*where, number), text, known)


def _text(where: Where, text: str, known: tuple[str, ...]) -> Iterator[Finding]:
    try:
        names = names_in(text)
    except ValueError as error:
        yield where, str(error)
        return
    for name in names:
        if name not in known:
            yield where, f"there is no placeholder {{{name}}} here{nearest(name, known)}"
    if "inputs" in names and text != "{inputs}":
        yield where, "{inputs} expands to several arguments: make it an argument of its own"


def _counts(pipeline: Pipeline) -> Iterator[Finding]:
    kind = pipeline.split.kind
    for key, positive in COUNTS.get(kind, {}).items():
        value = getattr(getattr(pipeline.split, kind), key)
        yield from _count(pipeline, ("split", kind, key), value)
        if positive and isinstance(value, int) and value < 1:
            yield ("split", kind, key), "must be at least 1"


def _count(pipeline: Pipeline, where: Where, value: int | str) -> Iterator[Finding]:
    if isinstance(value, str):
        name = value.strip("{}")
        parameter = pipeline.parameters.get(name)
        if parameter is None:
            yield where, f"there is no parameter {name}{nearest(name, pipeline.parameters)}"
        elif parameter.type != "integer":
            yield where, f"parameter {name} is a {parameter.type}; it must be an integer"
    elif where[-1] == "stop" and pipeline.split.range:
        start = pipeline.split.range.start
        if isinstance(start, int) and value <= start:
            yield where, f"the range from {start} to {value} is empty"


def _inputs(pipeline: Pipeline) -> Iterator[Finding]:
    if pipeline.trigger.may_have_input:
        return
    if pipeline.split.needs_input:
        where: Where = ("split", pipeline.split.kind)
        yield where, "needs an input blob, but a schedule provides none"
    if pipeline.output.alias is Alias.INPUT_NAME:
        yield (
            ("output", "alias"),
            "input-name needs an input blob, but a schedule provides none",
        )


def _schedule(pipeline: Pipeline) -> Iterator[Finding]:
    if pipeline.trigger.schedule is None:
        return
    for name, parameter in pipeline.parameters.items():
        if parameter.required:
            yield ("parameters", name), "needs a default, because a schedule gives no parameters"


def _outputs(pipeline: Pipeline) -> Iterator[Finding]:
    """Refuse a trigger on outputs: a file of an output is no sign that its run has succeeded."""
    trigger = pipeline.trigger.blob
    if trigger is None or trigger.container != OUTPUT:
        return
    before = trigger.prefix.split("/")[0] or "NAME"
    file = next((suffix.removeprefix("/") for suffix in trigger.suffix), "")
    line = (
        f"trigger: {{run: {{pipeline: {before}, file: {file}}}}}"
        if file
        else (f"trigger: {{run: {before}}}")
    )
    yield (
        ("trigger", "blob", "container"),
        f"files are written before their run has its verdict; to start after it write `{line}`",
    )


def _containers(pipeline: Pipeline) -> Iterator[Finding]:
    """Refuse containers that no deployment makes, and for splits those that the engine owns."""
    trigger, split = pipeline.trigger.blob, pipeline.split
    named: list[tuple[Where, str | None]] = [
        (("trigger", "blob", "container"), trigger.container if trigger else None),
        (("split", "blobs", "container"), split.blobs.container if split.blobs else None),
        (("split", "manifest", "container"), split.manifest.container if split.manifest else None),
    ]
    for where, container in named:
        if container in naming.RESERVED:
            yield where, f"container {container} belongs to the engine"
        elif container is not None and container not in CONTAINERS:
            hint = nearest(container, CONTAINERS)
            reason = f"there is no container {container} (docs/deploy.md: how to add one){hint}"
            yield where, reason


def _path(pipeline: Pipeline) -> Iterator[Finding]:
    trigger = pipeline.trigger.blob
    for name in placeholders_of(trigger.path) if trigger and trigger.path else ():
        if name not in pipeline.parameters:
            hint = nearest(name, pipeline.parameters)
            yield ("trigger", "blob", "path"), f"there is no parameter {name}{hint}"
