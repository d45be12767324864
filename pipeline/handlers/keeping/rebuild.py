"""Rebuilds the ledger from what Blob Storage has: backups, manifests, plans and receipts.

It puts back rows that are missing, and changes none that is there. So it may be repeated, and may
run while the app works.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby

from pipeline.domain.runs import naming
from pipeline.domain.runs.announcement import completion_event
from pipeline.domain.runs.keeping import backups as names
from pipeline.domain.runs.keeping.backups import BackupInvalid, BackupName, Marks, Phase
from pipeline.domain.runs.keeping.tombstones import is_tombstone
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.obstacles import Obstacle
from pipeline.domain.runs.results import TaskState
from pipeline.domain.runs.run import Run
from pipeline.errors import FanfareError
from pipeline.handlers import backups
from pipeline.handlers.collecting import receipts
from pipeline.handlers.collecting.gather import generations
from pipeline.handlers.collecting.standing import manifest_of
from pipeline.handlers.ending.conclude import after_verdict
from pipeline.handlers.engine import Engine, log
from pipeline.handlers.keeping import results, traces
from pipeline.handlers.keeping.results import Found
from pipeline.handlers.planning.plan import request_pages
from pipeline.handlers.running import demand, submit
from pipeline.handlers.starting import admission
from pipeline.ledger import index, progress, runs, tasks
from pipeline.ledger.keeping import restored
from pipeline.ledger.rows import Change
from pipeline.ledger.watermarks import Ticked, Watched

_AGAIN = timedelta(days=1)  # events of runs that ended since then are announced once more
_TOLD = 20  # reasons of each kind


@dataclass
class Rebuilt:
    """What was put back, and what was refused, with reasons.

    `pipelines` are those of which runs were put back, `backed_up` those with backups of runs.
    """

    runs: int = 0
    tombstones: int = 0
    going: int = 0
    unknown: int = 0
    results: int = 0
    progress: int = 0
    refused: list[str] = field(default_factory=list)
    pipelines: set[str] = field(default_factory=set)
    backed_up: list[str] = field(default_factory=list)


def rebuild(engine: Engine) -> Iterator[Rebuilt]:
    """Put back what is missing; yields how far it came, the same value each time."""
    done = Rebuilt()
    for step in (_from_backups, _from_manifests, _from_plans, _marks, _parts):
        for _ in step(engine, done):
            yield done
    log.warning(
        "Ledger rebuilt",
        extra={"action": "rebuild", "runs": done.runs, "refused": len(done.refused)},
    )
    yield done


# --- runs


def _from_backups(engine: Engine, done: Rebuilt) -> Iterator[None]:
    folder = names.folder()
    listed = engine.ports.blobs.list(folder.container, folder.name)
    known = (name for facts in listed if (name := names.parse_name(facts.ref.name)))
    for run, of_run in groupby(known, key=lambda name: name.run):
        yield
        pipeline = naming.pipeline_of(run)
        if pipeline and pipeline not in done.backed_up:
            done.backed_up.append(pipeline)
        last = max(of_run, key=lambda name: name.rank)
        if runs.exists(engine.ports.tables, run):
            continue
        try:
            _put_back(engine, _read(engine, last), done)
        except FanfareError as error:
            done.refused.append(f"backup of {run}: {error}")


def _read(engine: Engine, name: BackupName) -> Run:
    """Read the backup with this name. Raises BackupInvalid, and NotFound."""
    limit = names.MAX_BACKUP_BYTES + 1
    return names.parse_backup(engine.ports.blobs.read(names.named(name), 0, limit), name)


def _put_back(engine: Engine, run: Run, done: Rebuilt) -> None:
    place: tuple[Change, ...] = ()
    if not run.over:
        latest = results.latest_execution(engine, run.names)
        run = run.model_copy(update={"executions": max(run.executions, latest)})
        taken = admission.take_place(engine, run) if engine.definition_if_readable(run) else ()
        place = () if isinstance(taken, Obstacle) else taken
    recent = run.ended_at is not None and engine.now - run.ended_at < _AGAIN
    event = completion_event(run, _missing(engine, run)) if recent else None
    if restored.put_back(engine.ports.tables, run, event, *place):
        done.pipelines.add(run.pipeline)
        done.runs += 1
        done.tombstones += is_tombstone(run)
        done.going += not run.over
        if event:
            after_verdict(engine, run)


def _missing(engine: Engine, run: Run) -> list[dict[str, object]]:
    manifest = manifest_of(engine, run)
    return [entry.model_dump(mode="json") for entry in manifest.missing] if manifest else []


def _from_manifests(engine: Engine, done: Rebuilt) -> Iterator[None]:
    for facts in traces.committed(engine):
        yield
        run_id = facts.ref.name.split("/")[1]
        if runs.exists(engine.ports.tables, run_id):
            continue
        marks = _marks_of(engine, naming.pipeline_of(run_id) or "")
        if marks and marks.watermark and facts.modified <= marks.watermark:
            continue  # it was forgotten
        try:
            _put_back(engine, traces.of_manifest(engine, facts), done)
        except FanfareError as error:
            done.refused.append(f"manifest {facts.ref.name}: {error}")


def _from_plans(engine: Engine, done: Rebuilt) -> Iterator[None]:
    """Let runs end of which only a plan is left: nobody can tell how they go on."""
    for run_id, generation, facts in traces.planned(engine):
        yield
        if runs.exists(engine.ports.tables, run_id):
            continue
        try:
            _put_back(engine, traces.of_plan(engine, run_id, generation, facts), done)
            done.unknown += 1
        except FanfareError as error:
            done.refused.append(f"plan of {run_id}: {error}")


# --- marks


def _marks_of(engine: Engine, pipeline: str) -> Marks | None:
    try:
        return backups.marks_of(engine, pipeline)
    except BackupInvalid:
        return None


def _marks(engine: Engine, done: Rebuilt) -> Iterator[None]:
    """Put back the watermarks. Runs from before the first backup may be unknown: they lie below."""
    tables = engine.ports.tables
    for pipeline in sorted({*done.pipelines, *done.backed_up, *backups.with_marks(engine)}):
        yield
        marks = _marks_of(engine, pipeline)
        recent = engine.now - engine.patience.lost_event
        if marks is None:
            seen = Marks(at=recent, watermark=recent, activated=recent, swept=recent)
        else:
            below = [at for at in (marks.watermark, marks.since) if at]
            watermark = max(below, default=None)
            # A run that waited has no backup, however long it did: all above the watermark count.
            swept = max((at for at in (watermark, marks.activated) if at), default=None)
            update = {"watermark": watermark, "swept": marks.swept and swept}
            seen = marks.model_copy(update=update)
        watched = Watched(seen.activated, seen.swept) if seen.activated and seen.swept else None
        ticked = Ticked(seen.ticked) if seen.ticked else None
        restored.put_back_marks(tables, pipeline, seen.watermark, watched, ticked)


# --- results, progress, demand


def _parts(engine: Engine, done: Rebuilt) -> Iterator[None]:
    for run_id in _all_runs(engine):
        yield
        try:
            held = runs.load(engine.ports.tables, run_id)
            if held and held.run.purged_at is None:
                _results(engine, held.run, done)
                if not held.run.over:
                    _go_on(engine, held.run, done)
        except (FanfareError, ValueError) as error:
            done.refused.append(f"{run_id}: {error}"[:500])


def _all_runs(engine: Engine) -> Iterator[str]:
    tables = engine.ports.tables
    for pipeline in index.pipelines(tables):
        yield from index.recent(tables, pipeline)


def _results(engine: Engine, run: Run, done: Rebuilt) -> None:
    """Put back the results of generations that have none."""
    tables, found = engine.ports.tables, Found()
    present = run.generation if not run.over else 0  # its receipts are counted as ever
    for generation, plan in generations(run):
        if generation != present and not restored.has_results(tables, run.id, generation):
            seal = _seal(engine, run, generation)
            results.put_back(engine, run, generation, plan, seal, found)
    results.withdraw_if_false(engine, run, found)
    done.results += found.rows
    done.refused += found.refused[:_TOLD]


def _seal(engine: Engine, run: Run, generation: int) -> str:
    """Return the seal of a generation; "" if no backup has it."""
    if generation == run.generation:
        return run.seal
    for phase in (Phase.ENDED, Phase.BEGUN):
        name = BackupName(run=run.id, generation=generation, phase=phase)
        try:
            return _read(engine, name).seal
        except FanfareError:
            continue
    return ""


def _go_on(engine: Engine, run: Run, done: Rebuilt) -> None:
    """Put back what a run needs to go on: its results and progress, and its demand."""
    tables, plan = engine.ports.tables, run.plan
    before = progress.union(tables, run.id, run.generation, "tasks").count()
    listed = engine.ports.blobs.list(naming.RECEIPTS, run.names.receipts())
    paths = {p for facts in listed if (p := naming.parse_receipt_path(facts.ref.name))}
    if paths:
        receipts.settle(engine, run.id, run.generation, paths)
    if plan is None:
        return
    rows = tasks.results(tables, run.id, run.generation)
    receipts.count(engine, run, [row.unit for row in rows if row.state is TaskState.DONE])
    done.progress += progress.union(tables, run.id, run.generation, "tasks").count() - before
    _submit(engine, run)
    if plan.tasks and engine.definition_if_readable(run):
        demand.register(engine, run, plan.tasks)


def _submit(engine: Engine, run: Run) -> None:
    """Let pages be submitted that are not known to be; what is in Batch already stays as it is."""
    tables, plan = engine.ports.tables, run.plan
    if plan is None:
        return
    pages = progress.union(tables, run.id, run.generation, "pages")
    if run.state is not State.SUBMITTING:
        progress.mark(tables, run.id, run.generation, "pages", range(plan.pages), engine.token())
    elif plan.tasks and pages.is_complete(plan.pages):
        submit.complete(engine, run)
    else:
        request_pages(engine, run)
