"""Assembles a run when all of its tasks are over: verify, judge, assemble, commit, conclude."""

from contextlib import ExitStack
from functools import partial
from itertools import batched

from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.outputs.kept_parts import Outputs
from pipeline.domain.runs import naming
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Manifest, Missing, missing_of
from pipeline.domain.runs.messages import RunMessage, Step
from pipeline.domain.runs.results import TaskResult
from pipeline.domain.runs.run import Output, Run
from pipeline.errors import FanfareError, NotFound, NotYet, Permanent, Transient
from pipeline.handlers.assembling import alias, assemblers, commit
from pipeline.handlers.assembling.assemblers import Assembly
from pipeline.handlers.assembling.commit import Chosen, Committed
from pipeline.handlers.assembling.fan_in import FanIn
from pipeline.handlers.assembling.lists import NameReserved, listing
from pipeline.handlers.collecting import gather
from pipeline.handlers.collecting.accounts import Counts, Outcomes, count, of_manifest
from pipeline.handlers.collecting.gather import Gathered, Rejected, total_items
from pipeline.handlers.collecting.receipts import settle_unheard
from pipeline.handlers.ending import early
from pipeline.handlers.ending.conclude import Verdict, conclude, conclude_early, fail
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.kept import Spoiled
from pipeline.handlers.running.confirming import await_completion
from pipeline.handlers.running.reexecution import execute_anew, overrule, unheard
from pipeline.handlers.running.stages import OnNode, StageFailed
from pipeline.handlers.tenure import Elsewhere, TimeIsUp
from pipeline.ledger import progress, runs, tasks
from pipeline.ledger.runs import Held

_ROWS = 1_000  # that are looked at together
_COLLECTING = frozenset({State.SUBMITTING, State.RUNNING})
_DECIDING = frozenset({State.ASSEMBLING, State.COMMITTING})


def assemble(message: RunMessage, engine: Engine) -> None:
    """Bring a run whose tasks are over to its verdict. Raises NotYet while uploads lag."""
    held = runs.need(engine.ports.tables, message.run)
    if held.run.generation != message.generation:
        return
    try:
        _go_on(engine, held)
    except Elsewhere as error:
        log.info(
            "Step left to its instance",
            extra={**context(held.run, "assemble"), "why": str(error)},
        )
        engine.wake_at(Step.ASSEMBLE, held.run, error.until)
    except TimeIsUp as error:
        log.info("Step sent on", extra={**context(held.run, "assemble"), "why": str(error)})
        engine.wake(Step.ASSEMBLE, held.run)
    except Spoiled as error:
        held = runs.need(engine.ports.tables, message.run)
        if held.run.generation == message.generation and held.run.state in _DECIDING:
            fail(engine, held, Cause.OUTPUT_UNUSABLE, str(error))


def _go_on(engine: Engine, held: Held) -> None:
    """Do what the run's state needs, unless it is noted how the run is to end."""
    if not held.run.over and (noted := early.noted(engine, held.run)):
        conclude_early(engine, held, noted)
        return
    if held.run.state in _COLLECTING and _complete(engine, held.run):
        assembling = held.run.to(State.ASSEMBLING, engine.now, engine.token())
        held = runs.move(engine.ports.tables, held, assembling)
    if held.run.state is State.ASSEMBLING:
        _assemble(engine, held)
    elif held.run.state is State.COMMITTING:
        _commit_chosen(engine, held)


def _assemble(engine: Engine, held: Held) -> None:
    with ExitStack() as stack:
        fan_in = FanIn(engine, held.run, stack)
        gathered, outputs = fan_in.gather()
        if not fan_in.settled:
            try:
                final = _is_final(engine, held.run, gathered)
            except (NotYet, TimeIsUp):
                fan_in.begin_anew()
                raise
            if not final:
                fan_in.begin_anew()
                return
            fan_in.settle()
        made = _make_output(fan_in, gathered, outputs)
    _decide(engine, held, made)


def _is_final(engine: Engine, run: Run, gathered: Gathered) -> bool:
    """Return whether no result will change: else further executions will ask for assembly.

    Raises NotYet, and TimeIsUp if there are more executions to begin.
    """
    if run.plan and gathered.heard < run.plan.tasks:
        _restore_rows(engine, run, run.plan.tasks)
        raise NotYet(f"The rows of some tasks of {run.id} are missing or damaged.")
    await_completion(engine, gathered.unfinished)
    waits = _execute_rejected_anew(engine, run, gathered.rejected) or gathered.retrying
    lost = gathered.lost
    if waits:  # for executions: what may yet be uploaded is looked at again after them
        lost = [result for result in lost if not _is_awaited(engine, result)]
    return not (_execute_lost_anew(engine, run, lost) or waits)


def _is_awaited(engine: Engine, result: TaskResult) -> bool:
    """Return whether the outputs of a task may still be uploaded."""
    return result.at is not None and engine.now - result.at <= engine.patience.upload


def _decide(engine: Engine, held: Held, made: Chosen | OnNode | Verdict) -> None:
    if isinstance(made, OnNode):
        log.info("Assembler runs on a node", extra=context(held.run, "assemble"))
    elif isinstance(made, Verdict):
        conclude(engine, runs.reread(engine.ports.tables, held), made)
    else:
        chosen, digest = commit.choose(engine, held.run, made)
        held = runs.reread(engine.ports.tables, held)
        committing = held.run.to(State.COMMITTING, engine.now, engine.token(), chosen=digest)
        _commit(engine, runs.move(engine.ports.tables, held, committing), chosen)


def _restore_rows(engine: Engine, run: Run, planned: int) -> None:
    """Restore missing or damaged rows from their receipts, while time lasts.

    The sweep does the rest.
    """
    for some in batched(range(planned), _ROWS, strict=False):
        numbers = range(some[0], some[-1] + 1)
        units = dict.fromkeys(naming.unit_name(number) for number in numbers)
        for result in tasks.results(engine.ports.tables, run.id, run.generation, numbers):
            units.pop(result.unit, None)
        settle_unheard(engine, run, {unit: unheard(unit) for unit in units})
        if engine.time_is_up:
            return


def _complete(engine: Engine, run: Run) -> bool:
    if run.plan is None:
        return False
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks")
    return done.is_complete(run.plan.tasks)


def _execute_rejected_anew(engine: Engine, run: Run, rejected: list[Rejected]) -> bool:
    """Start further executions of tasks whose receipt Batch contradicts, or let them fail.

    Raises TimeIsUp: the others are found again.
    """
    begun = False
    for result, why in rejected:
        if execute_anew(engine, run, result, Cause.RECEIPT_INVALID, why):
            begun = True
        else:
            overrule(engine, run, result, Cause.RECEIPT_INVALID, why)
        if engine.time_is_up:
            raise TimeIsUp("Some of the tasks that Batch contradicts are handled.")
    if not begun and len(rejected) >= gather.MOST:
        raise TimeIsUp("There may be more tasks that Batch contradicts.")
    return begun


def _execute_lost_anew(engine: Engine, run: Run, lost: list[TaskResult]) -> bool:
    """Handle tasks with missing outputs: wait, start another execution, or let them fail.

    Raises TimeIsUp: the others are found again.
    """
    for result in lost:
        if _is_awaited(engine, result):
            raise NotYet(f"Some outputs of {result.unit} are not uploaded yet.")
    why = "an output that the receipt names never arrived"
    begun = False
    for result in lost:
        begun = execute_anew(engine, run, result, Cause.OUTPUT_LOST, why) or begun
        if begun and engine.time_is_up:  # to be told that it may not be executed takes no time
            raise TimeIsUp("Some of the tasks that lost outputs are executed anew.")
    if begun and len(lost) >= gather.MOST:
        raise TimeIsUp("There may be more tasks that lost outputs.")
    return begun


def _make_output(fan_in: FanIn, gathered: Gathered, outputs: Outputs) -> Chosen | OnNode | Verdict:
    """Assemble the output, or return the Verdict of a run that fails. Raises TimeIsUp."""
    engine, run = fan_in.engine, fan_in.run
    definition, total = engine.definition(run), total_items(run)
    failed = total - gathered.ends.successes
    outcomes = Outcomes.of(gathered.ends, total)
    counts = count(engine, run, outcomes, gathered)
    missing = missing_of(gathered.ends.failures())
    if not definition.tolerance.allows(failed, total):
        return _failure(*_blame(gathered.ends, total), missing, counts)
    folder = run.names.assembled(engine.token())
    staged = partial(fan_in.staged, outputs)
    assembly = Assembly(engine, run, definition, outputs, folder, staged)
    try:
        files = assemblers.assemble(assembly)
    except Permanent as error:
        cause = error.cause if isinstance(error, StageFailed) else Cause.PROGRAM_FAILED
        return _failure(cause, f"Assembly failed: {error}", missing, counts)
    if isinstance(files, OnNode):
        return files
    try:
        made = listing(engine, run, files)
    except NameReserved as error:
        return _failure(Cause.OUTPUT_UNUSABLE, str(error), missing, counts)
    return Chosen(files=made.files, pages=made.pages, missing=missing, counts=counts)


def _failure(cause: Cause, error: str, missing: tuple[Missing, ...], counts: Counts) -> Verdict:
    entries = [entry.model_dump(mode="json") for entry in missing]
    return Verdict(State.FAILED, cause, error, missing=entries, counts=counts)


def _commit_chosen(engine: Engine, held: Held) -> None:
    """Commit what was chosen before, or adopt what is committed already. Raises Spoiled."""
    try:
        chosen = commit.chosen(engine, held.run)
    except Spoiled:
        there = commit.committed(engine, held.run)
        if there is None:
            raise
        _succeed(engine, held, there, of_manifest(engine, held.run, there.manifest))
    else:
        _commit(engine, held, chosen)


def _commit(engine: Engine, held: Held, chosen: Chosen) -> None:
    """Commit what was chosen, and conclude; nothing may be decided in between. Raises Spoiled."""
    try:
        there = commit.commit(engine, held.run, chosen)
    except NotFound as error:
        why = f"A part of the output was deleted before it was committed: {error}"
        conclude(engine, held, _failure(Cause.OUTPUT_LOST, why, chosen.missing, chosen.counts))
        return
    except Spoiled:
        raise
    except Permanent as error:
        why = f"The output could not be committed: {error}"
        conclude(engine, held, _failure(Cause.OUTPUT_UNUSABLE, why, chosen.missing, chosen.counts))
        return
    _succeed(engine, held, there, chosen.counts)


def _succeed(engine: Engine, held: Held, there: Committed, counts: Counts) -> None:
    """Conclude a run whose output is committed."""
    manifest = there.manifest
    _move_alias(engine, held.run, manifest)
    output = Output(
        manifest=engine.ports.blobs.url(there.ref),
        manifest_etag=there.etag,
        files=manifest.total,
        bytes=manifest.bytes,
    )
    missing = [entry.model_dump(mode="json") for entry in manifest.missing]
    verdict = Verdict(State.SUCCEEDED, output=output, missing=missing, counts=counts)
    conclude(engine, runs.reread(engine.ports.tables, held), verdict)


def _move_alias(engine: Engine, run: Run, manifest: Manifest) -> None:
    """Move the friendly name, but give up after a while: it must not delay the verdict for ever."""
    try:
        alias.move_alias(engine, run, manifest)
    except FanfareError as error:
        if isinstance(error, Transient) and run.idle_for(engine.now) <= engine.patience.stale:
            raise
        log.warning("Alias not moved", extra={**context(run, "alias"), "reason": str(error)})


def _blame(ends: ItemEnds, total: int) -> tuple[Cause, str]:
    """Return the most frequent cause, and a text with the last words of the first such item."""
    causes = ends.causes
    if not causes:
        return Cause.OUTPUT_LOST, f"{total - ends.successes} of {total} items left no result"
    cause = causes.most_common(1)[0][0]
    first = ends.first(cause)
    last_words = f": {first.tail.strip()[-500:]}" if first.tail.strip() else ""
    failed = f"{causes.total()} of {total} items failed; item {first.id}{last_words}"
    return cause or Cause.PROGRAM_FAILED, failed
