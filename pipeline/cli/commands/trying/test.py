"""`fanfare test`: runs the golden tests of pipelines, on this machine alone or on a local stack."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Annotated

import typer

from pipeline.cli.commands import up_down
from pipeline.cli.edits import refuse_edits
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.completion import OnePipeline
from pipeline.cli.project.locks import alone
from pipeline.cli.session import Session
from pipeline.cli.stack.config import Wishes
from pipeline.cli.stack.process import LocalStack
from pipeline.cli.stack.signals import end_in_order
from pipeline.cli.trying import asking
from pipeline.cli.trying.golden import cases, running
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.judging import CarryOut, Verdict, judged
from pipeline.cli.trying.golden.on_stack import OnStack
from pipeline.cli.views import tested as view
from pipeline.domain.notation.spelling import nearest

_PATIENCE_S = 600.0
_OWN_FOLDER = "test"  # of the stack that is started for tests, in the folder of the project's stack


def test(
    context: typer.Context,
    pipeline: OnePipeline = None,
    *,
    case: Annotated[
        list[str] | None, typer.Option("--case", help="Run only this case; may be repeated.")
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Write what comes out as what is expected.")
    ] = False,
    on_stack: Annotated[
        bool,
        typer.Option("--stack", help="Run each through the local stack, from upload to event."),
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", help=f"With --stack: a case fails after these seconds [{_PATIENCE_S:g}]."
        ),
    ] = None,
) -> None:
    """Run the tests of a pipeline, or of all: pipelines/tests/ has inputs and expected outputs.

    They run on this machine alone. With `--stack` they run on the local stack of the project, or,
    if it is down, on one that is started for the tests and then stopped.
    """
    session: Session = context.obj
    began = time.monotonic()
    if timeout is not None and not on_stack:
        raise CommandError("--timeout is for tests on a stack: add --stack.", Exit.USAGE)
    end_in_order()
    definitions = asking.definitions_of(session)
    wanted = _chosen(cases.load(definitions.root, definitions.catalogue, pipeline), case or [])
    here = partial(running.carry_out, definitions)
    through = OnStack(session, _PATIENCE_S if timeout is None else timeout).carry_out
    with _stack(session, wanted) if on_stack else nullcontext():
        verdicts = _verdicts(session, wanted, through if on_stack else here, updating=update)
    failed = sum(not verdict.passed for verdict in verdicts)
    passed, seconds = len(verdicts) - failed, round(time.monotonic() - began, 3)
    answer = {"passed": passed, "failed": failed, "seconds": seconds}
    listed = [_as_json(verdict) for verdict in verdicts]
    session.answer({**answer, "cases": listed}, view.total(passed, failed, seconds))
    if failed:
        raise typer.Exit(Exit.FAILED)


def _verdicts(
    session: Session, wanted: Sequence[Case], carry_out: CarryOut, *, updating: bool
) -> list[Verdict]:
    verdicts: list[Verdict] = []
    for one in wanted:
        with session.busy(f"{one.pipeline.name} {one.name}"):
            verdicts.append(judged(one, carry_out, updating=updating))
        if not session.as_json:
            _show(session, verdicts[-1])
    return verdicts


@contextmanager
def _stack(session: Session, wanted: Sequence[Case]) -> Iterator[None]:
    """Aim the session at a local stack that runs: the target's, or one that ends afterwards.

    Raises CommandError for a deployment, where tests would leave their runs, and for a stack that
    has other versions of what is tested.
    """
    if session.target is not None or session.stack().running():
        if not session.engine.local:
            raise CommandError(
                "--stack tests on a local stack, and the target is a deployment: "
                "add --target local.",
                Exit.USAGE,
            )
        for one in {case.pipeline.name: case.pipeline for case in wanted}.values():
            refuse_edits(session, one)
        yield
        return
    stack = LocalStack(session.project.data / _OWN_FOLDER, session.project)
    stack.data.parent.mkdir(mode=0o700, exist_ok=True)
    with alone(stack.data.with_name(f"{_OWN_FOLDER}.lock")):
        up_down.stop(session, stack, force=True)  # of a command that was killed
        stack.erase()
        try:
            up_down.bring_up(session, stack, Wishes())
            session.target = stack.data
            yield
        finally:
            up_down.stop(session, stack, force=False)


def _chosen(known: Sequence[Case], names: Sequence[str]) -> list[Case]:
    """Return the cases of these names, or all. Raises CommandError for a name of none."""
    for name in names:
        if not any(case.name == name for case in known):
            hint = nearest(name, [case.name for case in known])
            raise CommandError(f"There is no case {name[:60]!r}{hint}.", Exit.USAGE)
    return [case for case in known if not names or case.name in names]


def _show(session: Session, verdict: Verdict) -> None:
    case = verdict.case
    name = f"{case.pipeline.name} {case.name}"
    line = view.line(name, verdict.seconds, passed=verdict.passed, updated=verdict.updated)
    session.out.print(line, crop=False)
    for one in verdict.found:
        session.out.print(view.difference(one.file, one.why, one.lines), crop=False)
    if verdict.found and verdict.run:
        session.out.print(view.where(_look_at(session, verdict.run)), crop=False)


def _look_at(session: Session, run: str) -> str:
    """Return the commands that show a run: of a stack that ends with the tests, after its start."""
    stack = session.stack()
    show = stack.against(f"show {run}")
    ends = stack.data == (session.project.data / _OWN_FOLDER).resolve()
    return f"{stack.command('up')} && {show}" if ends else show


def _as_json(verdict: Verdict) -> dict[str, object]:
    found = [{"file": one.file, "why": one.why, "lines": list(one.lines)} for one in verdict.found]
    return {
        "pipeline": verdict.case.pipeline.name,
        "case": verdict.case.name,
        "passed": verdict.passed,
        "updated": verdict.updated,
        "seconds": verdict.seconds,
        "differences": found,
        "run": verdict.run,
    }
