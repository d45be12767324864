"""Runs a stage (split, assemble) as a program on a node, and returns its outputs when it is done.

A stage program is a plan of one task with one item; its row in table `tasks` holds its state.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.stages import StageProgram
from pipeline.domain.plans.plan import (
    Page,
    PlannedInput,
    PlannedItem,
    PlannedProgram,
    PlannedTask,
)
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import ItemOutput, TaskResult, TaskState
from pipeline.domain.runs.run import Run
from pipeline.errors import JobGone, NotYet, Permanent
from pipeline.handlers.engine import Engine
from pipeline.handlers.running import confirming, executions, images, reexecution, scripts
from pipeline.ledger import tasks

_RUNNER_CAUSES = (
    Cause.PROGRAM_FAILED,
    Cause.OUT_OF_MEMORY,
    Cause.OUT_OF_DISK,
    Cause.TIMED_OUT,
    Cause.PROGRAM_MISSING,
    Cause.INPUT_MISSING,
    Cause.OUTPUT_UNUSABLE,
)


class StageFailed(Permanent):
    """A stage program failed."""

    def __init__(self, message: str, cause: Cause | None) -> None:
        super().__init__(message)
        self.cause = cause or Cause.PROGRAM_FAILED


@dataclass(frozen=True)
class Stage:
    """A stage that a program carries out: its name, the program, its inputs and further files."""

    name: str
    program: StageProgram
    inputs: tuple[PlannedInput, ...]
    files: tuple[PlannedInput, ...] = ()


@dataclass(frozen=True)
class OnNode:
    """A program on a node works on it; its receipt makes the step continue."""

    stage: str


@dataclass(frozen=True)
class StageOutput:
    """One file that a stage program wrote."""

    ref: BlobRef
    claim: ItemOutput


def carry_out(engine: Engine, run: Run, stage: Stage) -> Mapping[str, StageOutput] | OnNode:
    """Return the files that the stage wrote, by name, or OnNode while it runs; launch it if needed.

    Raises StageFailed when its last execution failed, NotYet while outputs are being uploaded.
    """
    found = tasks.find(engine.ports.tables, run.id, run.generation, stage.name)
    if found is None:
        started = TaskResult(unit=stage.name, state=TaskState.RETRYING)
        tasks.execute_anew(engine.ports.tables, run.id, run.generation, started, None)
    result = found.result if found else reexecution.unheard(stage.name)
    if result.state is TaskState.RETRYING:
        launch(engine, run, stage, result.execution)
        return OnNode(stage.name)
    if result.failed or not result.items:
        item = result.items[0] if result.items else None
        text = f"The {stage.name} program {stage.program.program} failed: {_tail(result)}"
        raise StageFailed(text, item.cause if item else result.cause)
    word = confirming.batch_word(engine, run, [result.execution], stage.name)
    if why := word.contradicts(result):
        if reexecution.execute_anew(engine, run, result, Cause.RECEIPT_INVALID, why):
            return OnNode(stage.name)
        raise StageFailed(why.capitalize(), Cause.RECEIPT_INVALID)
    if word.has_open(result):
        confirming.await_completion(engine, [result])
    outputs = {
        output.name: StageOutput(
            run.names.output_of(result.address_of(output.blob), output.blob), output
        )
        for output in result.items[0].outputs
    }
    lost = _lost(engine, result, outputs.values())
    if lost is None:
        return outputs
    if reexecution.execute_anew(engine, run, result, Cause.OUTPUT_LOST, lost):
        return OnNode(stage.name)
    raise StageFailed(lost.capitalize(), Cause.OUTPUT_LOST)


def _tail(result: TaskResult) -> str:
    return result.items[0].tail if result.items else result.why


def _lost(engine: Engine, result: TaskResult, outputs: Iterable[StageOutput]) -> str | None:
    """Compare a stage's claim with Storage: uploads come in any order, and one may be lost.

    Returns what was lost, or None if all outputs are there. Raises NotYet while one may still come.
    """
    for output in outputs:
        facts = engine.ports.blobs.head(output.ref)
        if facts and facts.size == output.claim.size:
            continue
        if result.at and engine.now - result.at <= engine.patience.upload:
            raise NotYet(f"Output {output.claim.name} of {result.unit} is not uploaded yet.")
        return f"output {output.claim.name} of {result.unit} never arrived"
    return None


def launch(engine: Engine, run: Run, stage: Stage, execution: int) -> None:
    """Submit an execution of the stage; a second submission changes nothing."""
    page = stage_page(run, stage, tries(engine.definition(run)))
    ref = naming.plan_page(run.names.plan(stage.name), 0)
    engine.ports.writer.write(ref, page.encode(), content_type="application/json")
    job = executions.create_job(engine, run, page, execution, stage.name)
    try:
        specs = executions.stage_specs(engine, run, page, ref, stage.name, execution)
        engine.ports.jobs.add(job, specs)
    except JobGone:
        return  # submitted before and over: its receipt or the sweep reports the result
    engine.ports.jobs.close(job)


def tries(definition: Pipeline) -> dict[str, int]:
    """Return how many tries the runner gives a program, by the cause of its failures."""
    return {str(cause): 1 + definition.retries.extra(cause) for cause in _RUNNER_CAUSES}


def stage_page(run: Run, stage: Stage, allowed: Mapping[str, int]) -> Page:
    """Render the plan of a stage: one task, one item, all files."""
    program = stage.program
    item = PlannedItem(
        id=0, inputs=tuple(blob.file for blob in stage.inputs), parameters=run.parameters
    )
    planned = PlannedProgram(
        file=program.program,
        arguments=program.arguments,
        environment=scripts.requirements(program.environment),
        image=program.image,
        python=program.interpreter,
        gpu=program.gpu,
        secrets=tuple(program.secrets),
    )
    return Page(
        run=run.id,
        generation=run.generation,
        page=0,
        program=images.pinned(run, planned),
        item_timeout_s=program.limit.total_seconds(),
        tries=dict(allowed),
        inputs=(*stage.inputs, *stage.files),
        tasks=(PlannedTask(number=0, items=(item,)),),
    )
