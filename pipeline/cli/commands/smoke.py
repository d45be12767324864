"""`fanfare smoke`: goes once through everything that a deployment does, and removes its traces."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from functools import partial
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.text import Text

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.session import Session
from pipeline.cli.smoking.boxes import lacks
from pipeline.cli.smoking.hearing import listen
from pipeline.cli.smoking.made import Made
from pipeline.cli.smoking.proof import Answer, proven
from pipeline.cli.smoking.report import Outcome, Step
from pipeline.cli.smoking.steps import Smoke
from pipeline.cli.views import wording
from pipeline.domain.definitions.pool import Pool
from pipeline.domain.definitions.types import SMOKE
from pipeline.domain.notation.spelling import nearest

_SIGNS = {
    Outcome.OK: ("✓", "green"),
    Outcome.FAILED: ("✗", "red"),
    Outcome.SKIPPED: ("-", "dim"),
    Outcome.UNSEEN: ("?", "yellow"),
}
_FIRST_NODE_S = 1200.0


def smoke(
    context: typer.Context,
    pool: Annotated[
        list[str] | None,
        typer.Option("--pool", metavar="NAME", help="Only this pool; repeatable."),
    ] = None,
    step_limit: Annotated[
        float, typer.Option("--step-limit", min=1, help="Seconds that each step may take.")
    ] = _FIRST_NODE_S,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Also ask nodes what documentation does not tell (1 GiB)."),
    ] = False,
) -> None:
    """Try a deployment with small runs on its pools, and remove them at the end.

    A run on each pool, a container where the pool has them, the completion event, a cancellation, a
    redrive, and the cost. Pools with GPUs are tried when they are named. Exit code 1 means that a
    step failed; what could not be seen is said.
    """
    session: Session = context.obj
    pools = _chosen(session, pool or [])
    ear = listen(session)
    with session.busy("Starting runs") as status:
        tell = status.update if status else lambda _: None
        made = Made(session, step_limit, lambda text: tell(wording.one_line(text, 100)))
        found: list[Step] = []
        answers: list[Answer] = []
        smoked = Smoke(made, pools, ear, partial(lacks, session), named=bool(pool))
        try:
            for step in smoked.steps():
                found.append(_shown(session, step))
            if prove:
                _note_who_answers(session)
                answers = [_told(session, each) for each in proven(smoked)]
            found.append(_shown(session, smoked.costs()))
        except KeyboardInterrupt:
            session.note("Interrupted: cancelling and removing what the smoke made.")
            raise
        finally:
            found.append(_shown(session, smoked.removal()))
    _answer(
        session, found, {**smoked.total, **({"answers": [*map(asdict, answers)]} if prove else {})}
    )


def _chosen(session: Session, named: Sequence[str]) -> list[Pool]:
    """Return the pools to try. Raises CommandError for an unknown one, or without any."""
    pools = session.engine.catalogue.pools
    for name in named:
        if name not in pools:
            known = ", ".join(sorted(pools)) or "none"
            raise CommandError(
                f"There is no pools/{name}.yaml{nearest(name, pools)} (known: {known}).", Exit.USAGE
            )
    if not pools:
        raise CommandError("The project has no pool: add one to pools/.", Exit.USAGE)
    # Those without containers first: the runs after the first step need less of them.
    ordered = sorted(pools.values(), key=lambda one: (bool(one.containers), one.devices, one.name))
    return [one for one in ordered if not named or one.name in named]


def _shown(session: Session, step: Step) -> Step:
    """Print a step as soon as it has ended, unless all are printed as JSON at the end."""
    if not session.as_json:
        for line in _lines(step):
            session.out.print(line, soft_wrap=True)
    return step


def _note_who_answers(session: Session) -> None:
    if session.engine.local:
        session.note("Here emulators answer: only a deployment settles these questions.")


def _told(session: Session, answer: Answer) -> Answer:
    """Print an answer as soon as it is there, unless all are printed as JSON at the end."""
    if not session.as_json:
        line = Text("· ", "cyan").append(answer.question, "bold").append(f"  {answer.answer}", "")
        session.out.print(line, soft_wrap=True)
    return answer


def _lines(step: Step) -> Iterator[RenderableType]:
    sign, colour = _SIGNS[step.outcome]
    head = f" {step.step:<22} {wording.span(step.seconds):>7}  "
    yield Text(sign, colour).append(head, "bold").append(wording.one_line(step.evidence, 600), "")
    if step.remedy:
        yield Text(f"  → {step.remedy}", "cyan")


def _answer(session: Session, found: Sequence[Step], more: dict[str, object]) -> None:
    """Print the summary, and exit with 1 if a step failed."""
    counts = {kind: sum(step.outcome is kind for step in found) for kind in Outcome}
    ok = counts[Outcome.FAILED] == 0
    text = ", ".join(f"{number} {kind}" for kind, number in counts.items() if number)
    answer = {"ok": ok, "steps": [asdict(step) for step in found], **more}
    session.answer(answer, f"{text}. `fanfare ls {SMOKE}` lists the runs of all smokes.")
    if not ok:
        raise typer.Exit(Exit.FAILED)
