"""Turns planned tasks into Batch jobs and tasks, for first and further executions and for stages.

The name of an execution derives from run, generation, stage and number. So a second submission
finds what the first one created.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from pipeline.domain.definitions.room import slots_of
from pipeline.domain.plans.delivery import wanted
from pipeline.domain.plans.plan import Page, PlannedTask
from pipeline.domain.runs import naming
from pipeline.domain.runs.messages import Step
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.waiting.reports import TaskEnd
from pipeline.errors import Conflict
from pipeline.handlers.engine import Engine
from pipeline.handlers.published import ReadPage
from pipeline.handlers.running import containers, delivery, scripts, secrets, sheets
from pipeline.handlers.running.delivery import Unit
from pipeline.ledger import runs
from pipeline.ports.batch import InputFile, JobSpec, TaskSpec, Upload

_ALMOST = 0.98  # of a limit: agent and service have their own clocks
# The queue in which a run continues when a stage program has ended.
STAGE_STEPS = {naming.SPLIT: Step.PLAN, naming.ASSEMBLE: Step.ASSEMBLE}
# The run's own limit acts first, and says why; Batch's limit acts if the engine is gone.
_GRACE = timedelta(minutes=15)
# A key that signs access lives for seven days at most; a task that waited longer is submitted anew.
_LONGEST_ACCESS = timedelta(days=6)
RUNNER = f"/bin/sh {containers.runner('python3')}"


def create_job(engine: Engine, run: Run, page: Page, execution: int = 0, stage: str = "") -> str:
    """Create the job of an execution, with everything its program needs.

    Raises QuotaReached, and Conflict when the run ended meanwhile. A verdict ends the jobs that the
    run knows; a job that was created too late is ended here.
    """
    definition = engine.definition(run)
    job = run.names.job(execution, stage)
    containers.make_marks(engine, run, page.program)
    prepared = scripts.files(engine, run, page.program) if page.program.has_runner else []
    spec = JobSpec(
        id=job,
        pool=engine.pool_id(run),
        priority=definition.priority,
        limit=definition.limits.run + _GRACE,
        preparation=_preparation(page.program.environment) if prepared else "",
        preparation_inputs=[*prepared, *delivery.of_nodes(page)],
        run=run.id,
        access_until=access_until(engine, run),
        release=delivery.release(page),
    )
    engine.ports.jobs.create(spec)
    now = runs.need(engine.ports.tables, run.id).run
    if now.over or now.generation != run.generation:
        engine.ports.jobs.terminate(job)
        raise Conflict(f"Generation {run.generation} of run {run.id} ended meanwhile.")
    return job


def _preparation(environment: str | None) -> str:
    # Without an environment to compare with, the preparation needs no packages either.
    return f"python3 environment.py {environment}" if environment else "python3 -S environment.py"


def access_until(engine: Engine, run: Run) -> datetime:
    """Return until when the nodes of an execution that is submitted now may reach its blobs.

    Rounded up to a whole hour, so that tasks share signatures.
    """
    longest = engine.definition(run).limits.run + 2 * _GRACE
    until = engine.now + min(longest, _LONGEST_ACCESS)
    return until.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)


def going_on(engine: Engine, spec: TaskSpec, journal: str) -> TaskSpec:
    """Let an execution go on from the journal of an earlier one, if there is one."""
    if not journal:
        return spec
    url = engine.ports.blobs.url(BlobRef(naming.WORK, journal))
    return replace(spec, inputs=[*spec.inputs, InputFile(url, naming.FINISHED_FILE)])


def task_specs(
    engine: Engine, run: Run, read: ReadPage, tasks: Iterable[PlannedTask], execution: int = 0
) -> list[TaskSpec]:
    """Render tasks of a page for Batch, and write what they read of it."""
    slots = slots_of(engine.definition(run).task, engine.pool(run))
    wanted = list(tasks)
    blobs = sheets.of_tasks(engine, read, [task.number for task in wanted])
    units = ((task, naming.unit_name(task.number), blobs[task.number]) for task in wanted)
    return [
        replace(_task_spec(engine, run, read.page, task, (unit, execution, blob)), slots=slots)
        for task, unit, blob in units
    ]


def stage_specs(
    engine: Engine, run: Run, page: Page, ref: BlobRef, stage: str, execution: int
) -> list[TaskSpec]:
    """Render a stage program for Batch."""
    return [_task_spec(engine, run, page, page.tasks[0], (stage, execution, ref))]


def time_limit(engine: Engine, run: Run, unit: str) -> timedelta:
    """Return how long Batch lets one execution of a unit run, with the pull of its image.

    The runner's own limits act first: a stage program has twice its time in Batch. Without the
    runner Batch alone ends an item that takes too long.
    """
    definition = engine.definition(run)
    stage = {naming.SPLIT: definition.split.on_node, naming.ASSEMBLE: definition.assemble.program}
    if program := stage.get(unit):
        limit, image = 2 * program.limit, program.image
    else:
        task, limits = definition.task, definition.limits
        limit, image = limits.task if task.has_runner else limits.item, task.image
    pool, resolved = engine.catalogue.pools.get(run.pool), run.images.get(image or "")
    if pool is None or (resolved and resolved.present):
        return limit
    return limit + pool.pull_time(image)


def took_full_time(engine: Engine, run: Run, end: TaskEnd) -> bool:
    """Return whether a task took all the time that Batch gave it."""
    return end.seconds >= _ALMOST * time_limit(engine, run, end.task).total_seconds()


def _task_spec(
    engine: Engine, run: Run, page: Page, task: PlannedTask, as_what: tuple[str, int, BlobRef]
) -> TaskSpec:
    """Render one execution of a unit; `as_what` is unit, execution and the blob of its page."""
    name, execution, ref = as_what
    unit = Unit(name, execution, access_until(engine, run))
    files = delivery.deliver(engine, run, unit, wanted(page, task))
    own = [*secrets.files(engine, run, page.program, name), *files.inputs]
    uploaded = uploads if page.program.has_runner else containers.uploads
    spec = TaskSpec(
        id=name,
        command=RUNNER,
        inputs=[InputFile(engine.ports.blobs.url(ref), naming.PAGE_FILE), *own],
        uploads=uploaded(run, name, execution),
        environment={
            "FANFARE_TASK": str(task.number),
            # The standard name for it: OpenTelemetry's specification of environment variables.
            "TRACEPARENT": run.traceparent,
            **({"FANFARE_MISSING_GPU": "cpu"} if page.program.gpu and engine.gpu_optional else {}),
            **files.environment,
        },
        limit=time_limit(engine, run, name),
        access_until=unit.access_until,
    )
    return containers.contained(engine, run, spec, page, task)


def uploads(run: Run, unit: str, execution: int = 0) -> list[Upload]:
    """Return where Batch uploads the outputs, logs and receipt of one execution of a unit."""
    names, address = run.names, run.names.address(unit, execution)
    return [
        Upload(naming.OUTPUT_FILES, naming.WORK, names.outputs(address)),
        Upload(naming.LOG_FILES, naming.WORK, names.logs(address)),
        Upload(naming.STREAM_FILES, naming.WORK, names.logs(address)),
        Upload(naming.JOURNAL_FILES, naming.WORK, names.journals(address)),
        Upload(naming.RECEIPT_FILES, naming.RECEIPTS, names.receipts(address)),
    ]
