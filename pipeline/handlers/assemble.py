"""Assembles a run when all of its tasks are over: verify, judge, put together, commit, conclude."""

from collections import Counter
from dataclasses import replace

from pipeline.domain import naming
from pipeline.domain.causes import Cause
from pipeline.domain.lifecycle import State
from pipeline.domain.manifest import AssembledFile, missing_of
from pipeline.domain.messages import RunMessage
from pipeline.domain.results import TaskResult
from pipeline.domain.run import Output, Run
from pipeline.errors import NotYet, Permanent
from pipeline.handlers import assemblers, commit
from pipeline.handlers.assemblers import Assembly
from pipeline.handlers.conclude import Verdict, conclude
from pipeline.handlers.engine import Engine, context, log
from pipeline.handlers.gather import Gathered, gather, total_items
from pipeline.handlers.repeat import repeat
from pipeline.ledger import progress, runs
from pipeline.ledger import tasks as ledger_tasks
from pipeline.ledger.runs import Held

_COLLECTING = frozenset({State.SUBMITTING, State.RUNNING})


def assemble(message: RunMessage, engine: Engine) -> None:
    """Bring a run whose tasks are all over to its verdict. Raises NotYet while uploads lag."""
    held = runs.need(engine.ports.tables, message.run)
    if held.run.generation != message.generation:
        return
    if held.run.state in _COLLECTING and _complete(engine, held.run):
        assembling = held.run.to(State.ASSEMBLING, engine.now, engine.token())
        held = runs.move(engine.ports.tables, held, assembling)
    if held.run.state is not State.ASSEMBLING:
        return
    gathered = gather(engine, held.run)
    if gathered.retrying or _run_lost_again(engine, held.run, gathered.lost):
        return  # the receipts of what runs again will ask once more
    _judge(engine, held, gathered)


def _complete(engine: Engine, run: Run) -> bool:
    if run.plan is None:
        return False
    done = progress.union(engine.ports.tables, run.id, run.generation, "tasks")
    return done.is_complete(run.plan.tasks)


def _run_lost_again(engine: Engine, run: Run, lost: list[TaskResult]) -> bool:
    """Deal with tasks whose outputs are not there: wait, run again, or let them be failures."""
    for result in lost:
        if result.at and engine.now - result.at <= engine.patience.upload:
            raise NotYet(f"Outputs of {result.unit} are not all uploaded yet.")
    why = "an output that the receipt names never arrived"
    return any([repeat(engine, run, r.unit, Cause.OUTPUT_LOST, why) for r in lost])


def _judge(engine: Engine, held: Held, gathered: Gathered) -> None:
    run, definition = held.run, engine.definition(held.run)
    counts = _counts(engine, run, gathered)
    missing = [m.model_dump(mode="json") for m in missing_of(gathered.failed)]
    if not definition.tolerance.allows(len(gathered.failed), total_items(run)):
        verdict = Verdict(State.FAILED, *_blame(gathered), missing=missing, counts=counts)
        conclude(engine, held, verdict)
        return
    folder = f"{naming.generation_folder(run.id, run.generation)}/assembled/{engine.token()}"
    assembly = Assembly(engine, run, definition, gathered.in_order(), folder)
    try:
        files = assemblers.assemble(assembly)
    except Permanent as error:
        verdict = Verdict(
            State.FAILED, Cause.PROGRAM_FAILED, f"Assembly failed: {error}", counts=counts
        )
        conclude(engine, held, replace(verdict, missing=missing))
        return
    if files is None:
        log.info("Assembler runs on a node", extra=context(run, "assemble"))
        return
    output = _commit(engine, run, gathered, files, counts)
    conclude(engine, held, Verdict(State.SUCCEEDED, output=output, missing=missing, counts=counts))


def _commit(
    engine: Engine,
    run: Run,
    gathered: Gathered,
    files: list[AssembledFile],
    counts: dict[str, float | str],
) -> Output:
    seconds = float(counts["node_seconds"])
    manifest, ref, etag = commit.commit(engine, run, gathered, files, seconds)
    commit.move_alias(engine, run, manifest)
    return Output(
        manifest=engine.ports.blobs.url(ref),
        manifest_etag=etag,
        files=len(manifest.files),
        bytes=manifest.bytes,
    )


def _blame(gathered: Gathered) -> tuple[Cause, str]:
    """Name the most frequent cause, and what the first item with it printed."""
    failed = gathered.failed
    cause = Counter(item.cause or Cause.PROGRAM_FAILED for item in failed).most_common(1)[0][0]
    first = next(item for item in failed if item.cause is cause)
    last_words = f": {first.tail.strip()[-500:]}" if first.tail.strip() else ""
    text = f"{len(failed)} of {len(gathered.items)} items failed; item {first.id}{last_words}"
    return cause, text


def _counts(engine: Engine, run: Run, gathered: Gathered) -> dict[str, float | str]:
    """Count items and what they cost: task seconds by the share of a node that they held."""
    seconds = gathered.seconds
    for stage in (naming.SPLIT, naming.ASSEMBLE):
        found = ledger_tasks.find(engine.ports.tables, run.id, run.generation, stage)
        seconds += found[0].seconds if found else 0.0
    pool = engine.catalogue.pools.get(run.pool)
    share = engine.definition(run).task.slots / (pool.slots if pool else 1)
    node_seconds = round(run.node_seconds + seconds * share, 3)
    price = pool.price if pool else None
    return {
        "succeeded": len(gathered.parts),
        "failed": len(gathered.failed),
        "node_seconds": node_seconds,
        "cost": round(node_seconds / 3600 * price.per_hour, 6) if price else 0.0,
        "currency": price.currency if price else "",
    }
