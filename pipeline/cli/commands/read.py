"""`fanfare ls`, `show` and `schema`: the commands that only read the target."""

import json
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.lookup import RunArgument, listed, run_named, standing_of
from pipeline.cli.session import Session
from pipeline.cli.views import items as display_items
from pipeline.cli.views import runs as display
from pipeline.cli.views import tasks as display_tasks
from pipeline.cli.views.page import Page
from pipeline.cli.views.tasks import TaskLine
from pipeline.domain.catalogue.schema import (
    completion_schema,
    manifest_schema,
    pipeline_schema,
    pool_schema,
)
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.results import TaskSeconds
from pipeline.domain.runs.run import Run
from pipeline.handlers.collecting import indexing
from pipeline.handlers.doors import http, openapi
from pipeline.ledger import runs
from pipeline.ledger import tasks as task_rows


class ItemWord(StrEnum):
    """The states of an item."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_FAILURES_SHOWN = 10
_DOCS = APP_ROOT / "docs"
_OPENAPI = "openapi"
_SCHEMAS = {
    "pipeline": pipeline_schema,
    "pool": pool_schema,
    "manifest": manifest_schema,
    "completion-event": completion_schema,
    _OPENAPI: openapi.document,
}


def ls(
    context: typer.Context,
    pipeline: Annotated[str | None, typer.Argument(help="Only this pipeline's runs.")] = None,
    active: Annotated[bool, typer.Option("--active", help="Only active runs.")] = False,
    limit: Annotated[
        int, typer.Option("-n", "--limit", min=1, max=1000, help="At most this many runs.")
    ] = 20,
) -> None:
    """List the latest runs."""
    session: Session = context.obj
    found = listed(session, session.door.latest(pipeline, limit, active=active))
    answer = {"runs": [http.summary(run) for run in found.runs], "unreadable": found.unreadable}
    session.answer(answer, display.run_table(found.runs, session.door.now, session.out.width))


def show(
    context: typer.Context,
    run: RunArgument,
    items: Annotated[bool, typer.Option("--items", help="Show how each item stands.")] = False,
    state: Annotated[
        ItemWord | None, typer.Option("--state", help="With --items: only items in this state.")
    ] = None,
    tasks: Annotated[
        bool, typer.Option("--tasks", help="Show each task: seconds of download, run and upload.")
    ] = False,
) -> None:
    """Show one run: its state, what it waits for, what failed, and its output."""
    session: Session = context.obj
    if tasks and (items or state):
        raise CommandError("Use --tasks, or --items with --state.", Exit.USAGE)
    if tasks:
        _show_tasks(session, run)
    elif items or state:
        _show_items(session, run, state)
    else:
        _show_run(session, run)


def _show_items(session: Session, run: str, state: ItemWord | None) -> None:
    held = runs.need(session.engine.ports.tables, run_named(session, run)).run
    found = indexing.states(session.engine, held)
    wanted = [item for item in found if state is None or item.state == state]
    session.answer([asdict(item) for item in wanted], display_items.table(wanted))


def _show_tasks(session: Session, run: str) -> None:
    tables = session.engine.ports.tables
    held = runs.need(tables, run_named(session, run)).run
    lines, seconds = list[TaskLine](), TaskSeconds()
    for result in task_rows.results(tables, held.id, held.generation):
        lines.append(TaskLine.of(result))
        seconds += TaskSeconds.of(result)
    session.answer([asdict(line) for line in lines], display_tasks.table(lines, seconds))


def _show_run(session: Session, run: str) -> None:
    where = standing_of(session, run_named(session, run))
    door = session.door
    failed = door.failed(where.run, _FAILURES_SHOWN)
    manifest = door.manifest(where.run)
    edited = door.edited(where.run)
    answer = http.view(where.run, where.obstacle) | {
        "remedy": where.remedy,
        "done": where.done,
        "items": where.items,
        "peak_memory": where.peak_memory,
        "peak_disk": where.peak_disk,
        "failed_items": [
            {"unit": f.unit, "node": f.node, **f.item.model_dump(mode="json")} for f in failed
        ],
        "files": _files(where.run, manifest),
        "edited": edited,
    }
    if edited:
        session.note(
            f"The run has another version of {', '.join(edited)} than this folder: it began before "
            "the edit was deployed. A new run takes what the app has."
        )
    session.answer(answer, Page(where, manifest, failed, door.now))


def _files(run: Run, manifest: Manifest | None) -> list[object] | None:
    """Return the files of a run's output; None if it has some that this cannot show."""
    if manifest is None:
        return None if run.output else []
    listed = manifest.files
    return None if listed is None else [file.model_dump(mode="json") for file in listed]


def schema(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(
            help="Print only this: pipeline, pool, manifest, completion-event or openapi."
        ),
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Folder to write them to; default: those of the engine.")
    ] = None,
) -> None:
    """Write JSON Schemas of pipelines, pools, manifests and events, and the OpenAPI document."""
    session: Session = context.obj
    if kind is not None:
        if kind not in _SCHEMAS:
            known = ", ".join(_SCHEMAS)
            raise CommandError(f"There is no schema of {kind!r} (known: {known}).", Exit.USAGE)
        typer.echo(json.dumps(_SCHEMAS[kind](), indent=2))
        return
    paths = {name: _path(name, folder) for name in _SCHEMAS}
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_SCHEMAS[name](), indent=2) + "\n", "utf-8")
    hint = "\n".join(
        [
            *(f"wrote {path}" for path in paths.values()),
            "Editors with a YAML language server use the schema that a file's first line names:",
            "  # yaml-language-server: $schema=../docs/schemas/pipeline.schema.json",
        ]
    )
    session.answer({name: str(path) for name, path in paths.items()}, hint)


def _path(name: str, folder: Path | None) -> Path:
    """Return the file of a schema: it is published beside the others, or the page of HTTP."""
    if name == _OPENAPI:
        return (folder or _DOCS) / "openapi.json"
    return (folder or _DOCS / "schemas") / f"{name}.schema.json"
