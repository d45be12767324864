"""`fanfare plan`: shows the plan of a run before anything is started or paid."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipeline.cli.edits import note_edits
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.history import History, history
from pipeline.cli.lacks.packages import note_lacks
from pipeline.cli.lacks.secrets import Wanted, note_secrets
from pipeline.cli.lacks.secrets import shown as shown_secrets
from pipeline.cli.preview import Preview, Source, blob_source, local_source, preview
from pipeline.cli.project.completion import PipelineArgument
from pipeline.cli.session import Session
from pipeline.cli.starting import uploads
from pipeline.cli.views import wording
from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.pool import Pool, physical_id
from pipeline.domain.notation.durations import format_duration
from pipeline.domain.plans.plan import PlannedItem
from pipeline.errors import FanfareError
from pipeline.ports.blobs import Blobs

_TASKS_SHOWN = 8
_FIRST_SHOWN = 48  # fits a narrow terminal: a wider column would push the numbers out


def plan(
    context: typer.Context,
    pipeline: PipelineArgument,
    file: Annotated[
        str | None, typer.Argument(help="A local file, or CONTAINER/NAME of a blob.")
    ] = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("-p", "--parameter", help="name=value; give one for each parameter."),
    ] = None,
) -> None:
    """Print the plan that a run would carry out, without starting it."""
    session: Session = context.obj
    catalogue = session.definitions()
    definition = catalogue.pipeline(pipeline)
    source = _source(session, file)
    given = uploads.parse_parameters(parameter or [])
    wanted = note_secrets(session, definition)
    made = preview(catalogue, definition, source, given)
    known, edited = _history(session, pipeline), _edited(session, definition)
    lacking = note_lacks(session, [made.pool])
    answer = {**_as_json(made, known), "edited": edited, "lacking": lacking, "secrets": wanted}
    session.answer(answer, _shown(made, known, wanted))


def _source(session: Session, file: str | None) -> Source:
    def target_blobs() -> Blobs:
        return session.engine.ports.blobs

    if file is None or Path(file).is_file():
        return local_source(Path(file) if file else None, target_blobs)
    container, slash, name = file.partition("/")
    if not slash or file.startswith(("/", ".")):
        raise CommandError(f"There is no file {file}.", Exit.USAGE)
    return blob_source(container, name, target_blobs)


def _history(session: Session, pipeline: str) -> History:
    """Read what earlier runs took; without a target there are none."""
    try:
        return history(session.door, pipeline)
    except FanfareError:
        return History()


def _edited(session: Session, definition: Pipeline) -> list[str]:
    """Name the files of which the app has another version; without a target there is no app."""
    try:
        return note_edits(session, definition)
    except FanfareError:
        return []


def _expected(made: Preview, known: History) -> float | None:
    return known.node_seconds_per_item and made.items * known.node_seconds_per_item


def _as_json(made: Preview, known: History) -> dict[str, object]:
    expected, currency = _expected(made, known), made.pool.price and made.pool.price.currency
    return {
        "pipeline": made.pipeline.name,
        "parameters": made.run.parameters,
        "items": made.items,
        "tasks": made.tasks,
        "items_per_task": made.items_per_task,
        "pool": {
            "name": made.pool.name,
            "id": physical_id(made.pool),
            "size": made.pool.size,
            "tasks_at_once": made.at_once,
        },
        "input": {"delivery": made.delivery, "download_bytes": made.downloads},
        "image": made.pipeline.task.image,
        "pull_seconds": made.pool.pull_time(made.pipeline.task.image).total_seconds(),
        "expected": {
            "node_seconds": expected,
            "cost": made.cost(expected) if expected else None,
            "from_runs": known.runs,
        },
        "at_most": {"node_seconds": made.at_most(), "cost": made.cost(made.at_most())},
        "currency": currency,
        "pages": [page.model_dump(mode="json") for page in made.pages],
    }


def _shown(made: Preview, known: History, wanted: Sequence[Wanted]) -> RenderableType:
    definition, pool = made.pipeline, made.pool
    head = Text.assemble((definition.name, "bold"), f"  {wording.one_line(definition.description)}")
    waves = -(-made.tasks // made.at_once) if made.at_once else 0
    size = f"{pool.size}, {pool.slots} slots per node, at most {pool.nodes.maximum} nodes"
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("  parameters", ", ".join(f"{k}={v}" for k, v in made.run.parameters.items()))
    table.add_row("  split", f"{definition.split.kind}: {wording.count(made.items, 'item')}")
    table.add_row("  tasks", _load(made))
    if made.delivery:
        table.add_row("  input", _input(made))
    table.add_row("  pool", f"{pool.name}: {size}")
    if definition.task.image:
        table.add_row("  image", _image(pool, definition.task.image))
    if wanted:
        table.add_row("  secrets", shown_secrets(wanted))
    table.add_row(
        "  at once", f"{wording.count(made.at_once, 'task')}: {wording.count(waves, 'round')}"
    )
    table.add_row("  assemble", definition.assemble.kind)
    table.add_row(
        "  limits",
        f"item {format_duration(definition.limits.item)}, "
        f"task {format_duration(definition.limits.task)}, "
        f"run {format_duration(definition.limits.run)}",
    )
    table.add_row("  expected", _expectation(made, known))
    table.add_row("  at most", _price(made, made.at_most()) + " if every item uses its full limit")
    return Group(head, table, Text(), _tasks(made))


_DELIVERIES = {
    "task": "each task gets the whole input",
    "node": "each node gets the whole input once",
    "range": "each task gets the ranges of its items",
    "url": "programs read it by its URL",
}


def _input(made: Preview) -> str:
    """Write how the input comes to the items, and what nodes download."""
    most = f"nodes download at most {wording.size(made.downloads)}"
    return f"{_DELIVERIES[made.delivery]}: {most}"


def _image(pool: Pool, image: str) -> str:
    """Write which image the tasks use, and when nodes pull it."""
    time = pool.pull_time(image)
    if not time:
        return f"{image}: nodes pull it before they take tasks"
    more = format_duration(time)
    return (
        f"{image}: the first task on each node pulls it, and Batch lets tasks run {more} longer; "
        f"list it in pools/{pool.name}.yaml to have it pulled before"
    )


def _part(item: PlannedItem) -> str:
    """Write which part of the input an item gets as a file."""
    return ", ".join(f"bytes {start:,} to {end:,}" for start, end in item.spans)


def _load(made: Preview) -> str:
    """Write how many tasks there are, and what they really carry."""
    uneven = made.items != made.tasks * made.items_per_task
    items = "at most " * uneven + wording.count(made.items_per_task, "item")
    slots = wording.count(made.slots, "slot")
    return f"{made.tasks:,} with {items} and {slots}" + " each" * (made.tasks > 1)


def _expectation(made: Preview, known: History) -> str:
    expected = _expected(made, known)
    if expected is None:
        return "unknown: no run of this pipeline has succeeded yet"
    return f"{_price(made, expected)}, estimated from {known.runs} earlier runs"


def _price(made: Preview, node_seconds: float) -> str:
    price, amount = made.pool.price, made.cost(node_seconds)
    return wording.cost(node_seconds, amount or 0.0, price.currency if price else "")


def _tasks(made: Preview) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("  task", justify="right")
    table.add_column("items", justify="right")
    table.add_column("first item", overflow="ellipsis", no_wrap=True)
    planned = [task for page in made.pages for task in page.tasks]
    for task in planned[:_TASKS_SHOWN]:
        own = {k: v for k, v in task.items[0].parameters.items() if k not in made.run.parameters}
        names = ", ".join(blob.name for blob in task.inputs)
        first = ", ".join(f"{name}={value}" for name, value in own.items()) or names
        first = first or _part(task.items[0]) or "the input"
        table.add_row(
            str(task.number), str(len(task.items)), Text(wording.one_line(first, _FIRST_SHOWN))
        )
    if len(planned) > _TASKS_SHOWN:
        table.add_row("…", "", f"and {len(planned) - _TASKS_SHOWN:,} more")
    return table
