"""`fanfare ls`, `show`, `logs` and `schema`: the commands that only read the target."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from pipeline.bootstrap import APP_ROOT
from pipeline.cli.commands.run import RunArgument
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.lookup import listed, run_named, standing_of
from pipeline.cli.session import Session
from pipeline.cli.views import items as display_items
from pipeline.cli.views import runs as display
from pipeline.cli.views import wording
from pipeline.domain.catalogue.schema import (
    completion_schema,
    manifest_schema,
    pipeline_schema,
    pool_schema,
)
from pipeline.domain.runs import naming
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.domain.waiting.verdicts import FAULTS
from pipeline.handlers.collecting import indexing
from pipeline.handlers.collecting.standing import failed_items, manifest_of
from pipeline.handlers.doors import http
from pipeline.handlers.running.versions import unlike_the_run
from pipeline.ledger import index, listing, runs


class ItemWord(StrEnum):
    """The states of an item."""

    OPEN = "open"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


_FAILURES_SHOWN = 10
_FAILURES_READ = 200
_LOG_BYTES = 4 << 20
_ITEM = re.compile(r"^(?=== item \d+, try \d+: )", re.MULTILINE)
_FAILED_ITEM = re.compile(r"== item \d+, try \d+: (?!succeeded)")
SCHEMA_FOLDER = APP_ROOT / "docs/schemas"
_SCHEMAS = {
    "pipeline": pipeline_schema,
    "pool": pool_schema,
    "manifest": manifest_schema,
    "completion-event": completion_schema,
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
    engine = session.engine
    if pipeline is not None and pipeline not in index.pipelines(engine.ports.tables):
        engine.catalogue.pipeline(pipeline)
    tables = engine.ports.tables
    if active:
        found = listing.going(tables, pipeline).latest(limit)
    else:
        found = listing.latest(tables, pipeline, limit)
    shown = listed(session, found).runs
    session.answer(http.listed(found), display.run_table(shown, engine.now, session.out.width))


def show(
    context: typer.Context,
    run: RunArgument,
    items: Annotated[bool, typer.Option("--items", help="Show how each item stands.")] = False,
    state: Annotated[
        ItemWord | None, typer.Option("--state", help="With --items: only items in this state.")
    ] = None,
) -> None:
    """Show one run: its state, what it waits for, what failed, and its output."""
    session: Session = context.obj
    if items or state:
        _show_items(session, run, state)
    else:
        _show_run(session, run)


def _show_items(session: Session, run: str, state: ItemWord | None) -> None:
    held = runs.need(session.engine.ports.tables, run_named(session, run)).run
    found = indexing.states(session.engine, held)
    wanted = [item for item in found if state is None or item.state == state]
    session.answer([asdict(item) for item in wanted], display_items.table(wanted))


def _show_run(session: Session, run: str) -> None:
    where = standing_of(session, run_named(session, run))
    failed = failed_items(session.engine, where.run, _FAILURES_SHOWN)
    manifest = manifest_of(session.engine, where.run)
    edited = unlike_the_run(session.engine, where.run)
    answer = http.view(where.run, where.obstacle) | {
        "remedy": where.remedy,
        "done": where.done,
        "items": where.items,
        "peak_memory": where.peak_memory,
        "peak_disk": where.peak_disk,
        "failed_items": [
            {"unit": f.unit, "node": f.node, **f.item.model_dump(mode="json")} for f in failed
        ],
        "files": [file.model_dump(mode="json") for file in manifest.files] if manifest else [],
        "edited": edited,
    }
    if edited:
        session.note(
            f"The run has another version of {', '.join(edited)} than this folder: it began before "
            "the edit was deployed. A new run takes what the app has."
        )
    session.answer(answer, display.page(where, manifest, failed, session.engine.now))


@dataclass(frozen=True)
class _Log:
    """What one attempt of a unit printed."""

    unit: str
    name: str
    text: str


def logs(
    context: typer.Context,
    run: RunArgument,
    task: Annotated[
        str | None,
        typer.Argument(help="Task number, `split` or `assemble`; default: what failed."),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print the logs of every task.")
    ] = False,
    generation: Annotated[
        int | None, typer.Option(min=1, help="Generation of the run; default: the latest.")
    ] = None,
) -> None:
    """Print the logs of failed items, or everything that one task printed."""
    session: Session = context.obj
    held = runs.need(session.engine.ports.tables, run_named(session, run)).run
    held = held.model_copy(update={"generation": generation or held.generation})
    units = [_unit(task)] if task else [""] if everything else _failed_units(session, held)
    found = [log for unit in units for log in _logs_of(session, held, unit)]
    if not task and not everything:
        found = [_Log(log.unit, log.name, _failed_part(log.text)) for log in found]
    if session.as_json:
        session.answer([vars(log) for log in found], "")
        return
    if not found:
        session.note(_nothing(held, units))
    for log in found:
        session.out.print(Text(f"── {log.unit} {log.name}", "dim"))
        session.out.print(Text(visible(log.text).rstrip("\n")), soft_wrap=True)


def schema(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(help="Print only this: pipeline, pool, manifest or completion-event."),
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder to write them to.")] = SCHEMA_FOLDER,
) -> None:
    """Write JSON Schemas of pipelines, pools, manifests and events, for editors and validators."""
    session: Session = context.obj
    if kind is not None:
        if kind not in _SCHEMAS:
            known = ", ".join(_SCHEMAS)
            raise CommandError(f"There is no schema of {kind!r} (known: {known}).", Exit.USAGE)
        typer.echo(json.dumps(_SCHEMAS[kind](), indent=2))
        return
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.schema.json" for name in _SCHEMAS}
    for name, path in paths.items():
        path.write_text(json.dumps(_SCHEMAS[name](), indent=2) + "\n", "utf-8")
    hint = "\n".join(
        [
            *(f"wrote {path}" for path in paths.values()),
            "Editors with a YAML language server use the schema that a file's first line names:",
            "  # yaml-language-server: $schema=../docs/schemas/pipeline.schema.json",
        ]
    )
    session.answer({name: str(path) for name, path in paths.items()}, hint)


def _nothing(run: Run, units: list[str]) -> str:
    """Say why there is nothing to print: what ended the run, or what it waits for."""
    if run.purged_at:
        return f"There is no log: the logs of this run were deleted on {run.purged_at:%Y-%m-%d}."
    if run.error:
        return f"There is no log. The run ended: {wording.one_line(run.error)}"
    if run.obstacle and run.obstacle.code in FAULTS:
        return f"There is no log yet. The run waits: {run.obstacle.code}: {_told(run.obstacle)}"
    return "There is no log." if units else "Nothing failed: name a task, or give --all."


def _told(obstacle: Obstacle) -> str:
    return wording.one_line(str(obstacle))


def _unit(task: str) -> str:
    if task.isascii() and task.isdecimal():
        return naming.unit_name(int(task))
    known = task in (naming.SPLIT, naming.ASSEMBLE) or naming.unit_number(task) is not None
    if not known:
        raise CommandError(
            f"{task!r} is not a task: give its number, `split` or `assemble`.", Exit.USAGE
        )
    return task


def _failed_units(session: Session, run: Run) -> list[str]:
    failed = failed_items(session.engine, run, _FAILURES_READ)
    return list(dict.fromkeys(found.unit for found in failed))


def _logs_of(session: Session, run: Run, unit: str) -> Iterator[_Log]:
    """Read the logs of a unit, or of all: the programs' logs, or the runner's if there are none."""
    blobs = session.engine.ports.blobs
    folder, below = run.names.logs(), f"{run.names.logs(unit)}/" if unit else run.names.logs()
    there = [facts for facts in blobs.list(naming.WORK, below) if facts.size]
    programs = [facts for facts in there if naming.is_program_log(facts.ref)]
    for facts in programs or there:
        found_unit, *_, name = facts.ref.name.removeprefix(folder).split("/")
        content = blobs.read(facts.ref, 0, _LOG_BYTES)
        cut = "\n(cut here)\n" if facts.size > _LOG_BYTES else ""
        yield _Log(found_unit, name, content.decode("utf-8", "replace") + cut)


def _failed_part(text: str) -> str:
    """Keep the items that did not succeed; a log without the runner's headings stays whole."""
    parts = _ITEM.split(text)
    failed = [part for part in parts if _FAILED_ITEM.match(part)]
    return "".join(failed) if failed else text
