"""`fanfare ledger export` and `rebuild`: the ledger as a file, and its recovery after a loss."""

import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from pipeline.cli.commands.steering.steer import YesOption, confirm
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.views import wording
from pipeline.handlers.keeping.rebuild import Rebuilt
from pipeline.handlers.keeping.rebuild import rebuild as rebuilt
from pipeline.ledger.keeping.export import exported

_FORMAT, _VERSION = "fanfare-ledger", 1
_SHOWN = 10


def export(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
) -> None:
    """Write all rows of the ledger to a file, as JSON lines, without secrets."""
    session: Session = context.obj
    if file.exists():
        raise CommandError(f"{file} exists: name a file that does not, or delete it.", Exit.USAGE)
    with session.busy("Reading the ledger"):
        try:
            rows = _write(file, _lines(session))
        except OSError as error:
            raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
    session.answer(
        {"file": str(file), "rows": rows}, f"{wording.count(rows, 'row')} written to {file}."
    )


def _lines(session: Session) -> Iterator[object]:
    """Yield what the lines hold: a heading, the rows, and how many there were."""
    engine = session.engine
    yield {"format": _FORMAT, "version": _VERSION, "at": engine.now.isoformat()}
    rows = 0
    for row in exported(engine.ports.tables, engine.catalogue.pools):
        yield row
        rows += 1
    yield {"rows": rows}


def _write(file: Path, lines: Iterator[object]) -> int:
    """Write lines beside the file, and give it its name when it is whole; return its rows."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", dir=file.parent, prefix=f".{file.name}.", delete=False
    ) as part:
        try:
            count = 0
            for line in lines:
                part.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
                count += 1
            part.flush()
            os.fsync(part.fileno())
            Path(part.name).replace(file)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise
    return count - 2


def rebuild(context: typer.Context, yes: YesOption = False) -> None:
    """Put back rows of the ledger that were lost, from backups, manifests and receipts."""
    session: Session = context.obj
    question = "Put back what is missing in the ledger? What is there stays as it is."
    confirm(session, question, yes=yes)
    done = Rebuilt()
    with session.busy("Comparing blobs with the ledger") as status:
        for done in rebuilt(session.steering):
            if status:
                status.update(f"{wording.count(done.runs, 'run')} put back")
    facts = asdict(done) | {"pipelines": sorted(done.pipelines)}
    session.answer(facts, _told(done))


def _told(done: Rebuilt) -> str:
    lines = [
        f"{wording.count(done.runs, 'run')} put back ({done.tombstones:,} of them tombstones, "
        f"{done.going:,} still going on), {wording.count(done.results, 'result')} of tasks, "
        f"and progress of {wording.count(done.progress, 'task')}."
    ]
    if done.unknown:
        lines.append(
            f"{wording.count(done.unknown, 'run')} had no backup and no output: each ended as "
            "failed. Start a new run of its input if you need it."
        )
    if done.refused:
        lines.append(f"{wording.count(len(done.refused), 'thing')} refused, such as:")
        lines += [f"  {wording.one_line(reason)}" for reason in done.refused[:_SHOWN]]
    lines += [
        f"To see blobs without a run: fanfare backfill {name} --dry-run"
        for name in sorted(done.pipelines)
    ]
    return "\n".join(lines)
