"""`fanfare try`: runs an item of a pipeline, or all, on this machine without a stack."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.status import Status
from rich.text import Text

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.completion import PipelineArgument
from pipeline.cli.session import Session
from pipeline.cli.stack.signals import end_in_order
from pipeline.cli.starting import uploads
from pipeline.cli.starting.uploads import Order
from pipeline.cli.trying import asking, items, surroundings, whole
from pipeline.cli.trying import shell as shells
from pipeline.cli.trying.items import Change, Tried
from pipeline.cli.trying.programs import Debugger
from pipeline.cli.trying.shell import Shell
from pipeline.cli.trying.trial import Attempt, Definitions, Trial
from pipeline.cli.trying.whole import Whole
from pipeline.cli.views import tried as view
from pipeline.cli.views import wording
from pipeline.cli.views.tried import File
from pipeline.domain.outputs.parts import Part
from pipeline.domain.plans.plan import Page
from pipeline.domain.runs.run import Run

_ITEMS_SHOWN = 8
_DEBUG_PORT = 5678  # of debugpy, as editors know it


_File = Annotated[Path | None, typer.Argument(help="A local file, the input of the run.")]
_Parameters = Annotated[
    list[str] | None,
    typer.Option("-p", "--parameter", help="name=value; give one for each parameter."),
]
_Name = Annotated[str | None, typer.Option(help="Name of the blob that the file stands for.")]
_With = Annotated[Path | None, typer.Option("--with", help="Folder of blobs that the file lists.")]
_Item = Annotated[
    int | None, typer.Option("--item", min=0, help="Number of the item; the first is 0.")
]
_All = Annotated[bool, typer.Option("--all", help="Run all items, and assemble the output.")]
_Keep = Annotated[bool, typer.Option("--keep", help="Keep the folder of it all, and print it.")]
_Shell = Annotated[
    bool, typer.Option("--shell", help="Open a shell where the item's program would start.")
]
_Debug = Annotated[
    bool, typer.Option("--debug", help="Start a Python program under debugpy, which waits.")
]
_Port = Annotated[int, typer.Option("--port", min=1, max=65_535, help="Where --debug waits.")]


def try_(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    pipeline: PipelineArgument,
    file: _File = None,
    *,
    parameter: _Parameters = None,
    name: _Name = None,
    folder: _With = None,
    item: _Item = None,
    every: _All = False,
    keep: _Keep = False,
    shell: _Shell = False,
    debug: _Debug = False,
    port: _Port = _DEBUG_PORT,
) -> None:
    """Run one item of a pipeline on this machine, as a node would, without a stack."""
    began = time.monotonic()
    session: Session = context.obj
    end_in_order()
    if shell and session.as_json:
        raise CommandError("--shell is for people: leave out --json.", Exit.USAGE)
    if sum((every, shell, debug)) > 1 or (every and item is not None):
        raise CommandError("--all, --item, --shell and --debug exclude one another.", Exit.USAGE)
    definitions = asking.definitions_of(session)
    definition = definitions.catalogue.pipeline(pipeline)
    if shell or debug:
        asking.check_on_machine(definition)
    order = Order(definition, uploads.parse_parameters(parameter or []), name)
    attempt = replace(asking.attempt_of(order, file, folder), patient=shell or debug)
    if note := asking.note_of(order, file):
        session.note(note)
    wanted = _Wanted(session, definitions, attempt, item or 0, keep, began)
    ways: dict[bool, Callable[[], Exit]] = {
        every: wanted.whole,
        shell: wanted.in_shell,
        debug: partial(wanted.debugged, port),
    }
    code = ways.get(True, wanted.one)()
    if code is not Exit.OK:
        raise typer.Exit(code)


def first_item(session: Session, pipeline: str, file: Path) -> Exit:
    """Try the first item of a file, show how it ended, and return the exit code."""
    definitions = asking.definitions_of(session)
    order = Order(definitions.catalogue.pipeline(pipeline), {}, None)
    attempt = asking.attempt_of(order, file, None)
    return _Wanted(session, definitions, attempt, 0, keep=False, began=time.monotonic()).one()


@dataclass(frozen=True)
class _Wanted:
    """One use of the command."""

    session: Session
    definitions: Definitions
    attempt: Attempt
    item: int
    keep: bool
    began: float

    def one(self, change: Change = lambda page, _: page) -> Exit:
        """Try one item, and show how it ended."""
        with self._planned() as (trial, run, page):
            with self.session.busy(f"Running item {self.item:,}"):
                tried = items.carry_out(trial, run, page, change)
            self._answer_one(trial, run, tried)
        return Exit.OK if tried.result.succeeded else Exit.FAILED

    def debugged(self, port: int) -> Exit:
        """Try one item under a debugger."""
        debugger = Debugger(port, self.definitions.root / "task_scripts")

        def change(page: Page, prepared: Path) -> Page:
            changed = debugger.instead(page, prepared)
            self.session.note(debugger.hint)
            return changed

        return self.one(change)

    def in_shell(self) -> Exit:
        """Open a shell in place of the program, then collect what was left in its output folder."""
        with self._planned() as (trial, run, page):
            place = Shell.at(trial.folder)
            with place.around(lambda: items.carry_out(trial, run, page, place.instead)) as doing:
                if not doing.done():
                    given = place.given()
                    for hint in shells.hints(given):
                        self.session.note(hint)
                    shells.open_here(given)
            tried = doing.result()
            self._answer_one(trial, run, tried)
        return Exit.OK if tried.result.succeeded else Exit.FAILED

    @contextmanager
    def _planned(self) -> Iterator[tuple[Trial, Run, Page]]:
        """Plan the run, and yield it with a page that has the wanted item alone."""
        with surroundings.folder(self.keep) as folder, self._begun(folder) as trial:
            with self.session.busy("Planning"):
                run = _planned(trial)
            page = items.page_of(trial, run, self.item)
            with self.session.busy("Preparing: the first time it makes the environment"):
                items.prepare(trial, run)
            yield trial, run, page

    def whole(self) -> Exit:
        """Try all items and assemble them, and show the verdict."""
        with surroundings.folder(self.keep) as folder, self._begun(folder) as trial:
            with self.session.busy("Running all items") as status:
                ended = whole.carry_out(trial, partial(_tell, status))
            self._answer_whole(trial, ended)
        return Exit.OK if ended.succeeded else Exit.FAILED

    def _begun(self, folder: Path) -> AbstractContextManager[Trial]:
        if self.keep:
            self.session.note(f"All of it is kept in {folder}.")
        return Trial.begun(self.definitions, self.attempt, folder)

    def _answer_one(self, trial: Trial, run: Run, tried: Tried) -> None:
        files, log = _files(trial, tried.outputs), _without_head(tried.log)
        total = run.plan.items if run.plan else 0
        answer = {
            **self._facts(run, trial),
            "items": total,
            "item": tried.result.model_dump(mode="json", exclude={"outputs"}),
            "outputs": [_output(file) for file in files],
            "log": log,
        }
        shown = [
            view.items(
                list(items.listed(trial, run, _ITEMS_SHOWN)), total, self.item, run.parameters
            ),
            view.ended(tried.result),
            *([view.outputs(files)] if tried.result.succeeded else []),
            *([Text("  log", "dim"), view.log(log)] if log else []),
            self._took(tried.result.seconds),
        ]
        self._keep(trial, tried.outputs)
        self.session.answer(answer, Group(*shown))

    def _answer_whole(self, trial: Trial, ended: Whole) -> None:
        run, files = ended.run, _files(trial, ended.outputs)
        answer = {
            **self._facts(run, trial),
            "items": run.succeeded + run.failed,
            "state": run.state,
            "cause": run.cause,
            "error": run.error,
            "succeeded": run.succeeded,
            "failed": run.failed,
            "outputs": [_output(file) for file in files],
        }
        shown = [
            view.verdict(run, [found.item for found in ended.failed]),
            *([view.outputs(files)] if ended.succeeded else []),
            self._took(None),
        ]
        self._keep(trial, ended.outputs)
        self.session.answer(answer, Group(*shown))

    def _facts(self, run: Run, trial: Trial) -> dict[str, object]:
        facts = {"pipeline": run.pipeline, "parameters": run.parameters}
        return {**facts, "seconds": self._seconds(), "folder": self._folder(trial)}

    def _seconds(self) -> float:
        return round(time.monotonic() - self.began, 3)

    def _folder(self, trial: Trial) -> str:
        return str(trial.folder) if self.keep else ""

    def _keep(self, trial: Trial, outputs: Sequence[Part]) -> None:
        """Write the outputs into the folder if it is kept."""
        if self.keep:
            items.write_outputs(trial.machine.blobs, outputs, trial.folder / "outputs")

    def _took(self, program: float | None) -> Text:
        of = "" if program is None else f", {program:.2f} s of it in the program"
        return Text(f"{self._seconds():.2f} s{of}", "dim")


def _tell(status: Status | None, ended: int) -> None:
    if status:
        status.update(f"Running all items: {wording.count(ended, 'task')} done")


def _planned(trial: Trial) -> Run:
    """Plan the run. Raises CommandError with the cause if it cannot be planned."""
    run = trial.plan()
    if run.over:
        raise CommandError(f"{run.cause}: {run.error}")
    return run


def _files(trial: Trial, outputs: Sequence[Part]) -> list[File]:
    return [
        File(part.name, part.size, part.sha256, items.read_output(trial, part, view.HEAD_BYTES))
        for part in outputs
    ]


def _output(file: File) -> dict[str, object]:
    return {"name": file.name, "size": file.size, "sha256": file.sha256, "text": file.text}


def _without_head(log: str) -> str:
    """Return a log without the runner's line above it, which the answer says itself."""
    head, _, rest = log.partition("\n")
    return (rest if head.startswith("== item ") else log).strip("\n")
