"""One item of a plan: found, carried out as a task of its own, and read from its receipt."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from pipeline.adapters.machine.world import Waiting
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.trying.trial import Trial
from pipeline.domain.outputs.parts import Part
from pipeline.domain.plans.plan import Page, PlannedItem, PlannedTask
from pipeline.domain.runs import naming
from pipeline.domain.runs.naming import ReceiptPath
from pipeline.domain.runs.results import ItemResult, safe_name
from pipeline.domain.runs.run import Run
from pipeline.handlers import published
from pipeline.handlers.collecting import ends
from pipeline.handlers.collecting.reading import receipt_of
from pipeline.handlers.published import ReadPage
from pipeline.handlers.running import executions
from pipeline.ports.blobs import Blobs

_LOG_BYTES = 8 << 20

type Named = tuple[PlannedItem, tuple[str, ...]]
type Change = Callable[[Page, Path], Page]


@dataclass(frozen=True)
class Tried:
    """How an item ended, with its outputs, and all that its program printed."""

    result: ItemResult
    outputs: tuple[Part, ...]
    log: str
    folder: Path


def listed(trial: Trial, run: Run, limit: int) -> list[Named]:
    """Return the first items of a plan, with the names of their blobs."""
    return [*islice(_named(trial, run), limit)]


def _named(trial: Trial, run: Run) -> Iterator[Named]:
    for page in _pages(trial, run):
        for task in page.tasks:
            names = {file.file: file.name for file in task.inputs}
            for item in task.items:
                yield item, tuple(names[file] for file in item.inputs if file in names)


def page_of(trial: Trial, run: Run, number: int) -> Page:
    """Return a page with one task that has this item alone. Raises CommandError."""
    for page in _pages(trial, run):
        for task in page.tasks:
            for item in task.items:
                if item.id == number:
                    return page.model_copy(update={"tasks": (_alone(task, item),)})
    total = run.plan.items if run.plan else 0
    known = f"there are {total:,}, 0 to {total - 1:,}" if total else "the plan has none"
    raise CommandError(f"There is no item {number:,} ({known}).", Exit.USAGE)


def carry_out(trial: Trial, run: Run, page: Page, change: Change = lambda page, _: page) -> Tried:
    """Run the only item of a page as a task of the run's job.

    `change` may change the page once the node is prepared; it gets the folder of the program.
    """
    engine, job = trial.engine, trial.machine.batch.jobs[run.job].spec
    page = change(page, prepare(trial, run))
    ref, content = naming.plan_page(run.names.plan("try"), 0), page.encode()
    engine.ports.writer.write(ref, content, content_type="application/json")
    (spec,) = executions.task_specs(engine, run, ReadPage(page, ref, content), page.tasks)
    engine.ports.jobs.add(run.job, [spec])
    trial.execute([Waiting(job, spec)])
    return _read(trial, run, page.tasks[0].items[0].id, spec.id)


def prepare(trial: Trial, run: Run) -> Path:
    """Prepare the node for a planned run; return the folder of the program. Raises TaskLost."""
    job = trial.machine.batch.jobs[run.job].spec
    return trial.prepare(job) if job.preparation else trial.folder


def read_output(trial: Trial, part: Part, length: int | None = None) -> bytes:
    """Read an output, or its beginning."""
    size = part.size if length is None else min(length, part.size)
    return trial.machine.blobs.read(part.ref, part.offset or 0, size)


def write_outputs(blobs: Blobs, outputs: Iterable[Part], folder: Path) -> dict[str, Path]:
    """Write outputs into a folder by their names, which stay below it; return where each lies."""
    made: dict[str, Path] = {}
    for part in outputs:
        if not safe_name(part.name):
            continue  # a receipt with such a name is refused before
        made[part.name] = target = folder / part.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.writelines(blobs.stream(part.ref, part.offset or 0, part.size))
    return made


def log_of(trial: Trial, run: Run, unit: str) -> str:
    """Return what the programs of a unit printed, as the runner or Batch kept it."""
    blobs, texts = trial.machine.blobs, list[str]()
    for facts in blobs.list(naming.WORK, f"{run.names.logs(run.names.address(unit))}/"):
        if naming.is_program_log(facts.ref):
            text = blobs.read(facts.ref, 0, _LOG_BYTES).decode(errors="replace")
            texts.append(text.rstrip())
    return "\n".join(text for text in texts if text)


def _read(trial: Trial, run: Run, item: int, unit: str) -> Tried:
    address = run.names.address(unit)
    path = _receipt(trial, run, address)
    receipt = receipt_of(trial.engine, path.blob, path.attempt, (item,))
    result = receipt.items[0]
    parts = tuple(
        Part(
            item, one.name, run.names.output_of(address, one.blob), one.size, one.sha256, one.offset
        )
        for one in result.outputs
    )
    folder = trial.machine.node.folder(run.job, unit)
    return Tried(result, parts, log_of(trial, run, unit), folder)


def _receipt(trial: Trial, run: Run, address: str) -> ReceiptPath:
    """Find the receipt of a task; of one without the runner the engine writes it."""
    found = list(trial.machine.blobs.list(naming.RECEIPTS, f"{run.names.receipts(address)}/"))
    for facts in found:
        if path := naming.parse_receipt_path(facts.ref.name):
            return path
        if path := naming.parse_end_path(facts.ref.name):
            ends.record(trial.engine, run, [path])
            return path
    raise CommandError(f"The task left nothing in {run.names.receipts(address)}.")


def _pages(trial: Trial, run: Run) -> Iterator[Page]:
    if run.plan:
        expected = published.PageDigests(trial.engine, run.plan)
        for number in range(run.plan.pages):
            yield published.read_page(trial.engine, run.plan, number, expected).page


def _alone(task: PlannedTask, item: PlannedItem) -> PlannedTask:
    """Return the task with one of its items and the files of that."""
    own = tuple(file for file in task.inputs if file.file in item.inputs)
    return task.model_copy(update={"items": (item,), "inputs": own})
