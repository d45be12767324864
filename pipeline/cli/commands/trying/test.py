"""`fanfare test`: runs the golden tests of pipelines on this machine without a stack."""

import time
from collections.abc import Sequence
from typing import Annotated

import typer

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.completion import OnePipeline
from pipeline.cli.session import Session
from pipeline.cli.stack.signals import end_in_order
from pipeline.cli.trying import asking
from pipeline.cli.trying.golden import cases
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.running import Verdict, run
from pipeline.cli.views import tested as view
from pipeline.domain.notation.spelling import nearest


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
) -> None:
    """Run the tests of a pipeline, or of all: pipelines/tests/ has inputs and expected outputs."""
    session: Session = context.obj
    began = time.monotonic()
    end_in_order()
    definitions = asking.definitions_of(session)
    wanted = _chosen(cases.load(definitions.root, definitions.catalogue, pipeline), case or [])
    verdicts: list[Verdict] = []
    for one in wanted:
        with session.busy(f"{one.pipeline.name} {one.name}"):
            verdicts.append(run(definitions, one, updating=update))
        if not session.as_json:
            _show(session, verdicts[-1])
    failed = sum(not verdict.passed for verdict in verdicts)
    passed, seconds = len(verdicts) - failed, round(time.monotonic() - began, 3)
    answer = {"passed": passed, "failed": failed, "seconds": seconds}
    listed = [_as_json(verdict) for verdict in verdicts]
    session.answer({**answer, "cases": listed}, view.total(passed, failed, seconds))
    if failed:
        raise typer.Exit(Exit.FAILED)


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


def _as_json(verdict: Verdict) -> dict[str, object]:
    found = [{"file": one.file, "why": one.why, "lines": list(one.lines)} for one in verdict.found]
    return {
        "pipeline": verdict.case.pipeline.name,
        "case": verdict.case.name,
        "passed": verdict.passed,
        "updated": verdict.updated,
        "seconds": verdict.seconds,
        "differences": found,
    }
