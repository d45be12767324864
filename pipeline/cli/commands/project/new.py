"""`fanfare new`: a pipeline for a script, proposed from the script and a sample of its input."""

import os
import re
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from pipeline.cli import requirements
from pipeline.cli.commands.trying.try_ import first_item
from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.project.folder import Project
from pipeline.cli.project.scaffold import Scaffold
from pipeline.cli.proposing import reading
from pipeline.cli.proposing.proposal import (
    Choice,
    Given,
    Proposal,
    Unproposable,
    definition,
    proposed,
)
from pipeline.cli.proposing.sample import sample_of
from pipeline.cli.session import Session
from pipeline.cli.stack.signals import end_in_order
from pipeline.domain.catalogue.catalogue import DefinitionError
from pipeline.domain.definitions.types import FILE_NAME

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")
_USUAL_POOL = "cpu"


class Split(StrEnum):
    """How an input becomes items."""

    WHOLE = "whole"
    LINE = "line"
    LINES = "lines"
    ROWS = "rows"


class Assembler(StrEnum):
    """How the items' files become the output."""

    NONE = "none"
    ZIP = "zip"
    CONCATENATE = "concatenate"


def new(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the pipeline.")],
    *,
    script: Annotated[Path, typer.Option(help="The program that works on one item.")],
    sample: Annotated[Path, typer.Option(help="An input to look at.")],
    split: Annotated[
        Split | None, typer.Option(help="Whole file, a line, pieces of lines, rows of a table.")
    ] = None,
    assemble: Annotated[
        Assembler | None, typer.Option(help="Keep the files, zip them, or join them.")
    ] = None,
    arguments: Annotated[
        str, typer.Option(help="Arguments of the script, such as '{input} {output}'.")
    ] = "",
    tries: Annotated[
        bool, typer.Option("--try/--no-try", help="Try it at once; never with --json.")
    ] = True,
) -> None:
    """Write a pipeline for a script: look at both, choose, say why, and try it on the sample.

    Where two ways fit equally it asks, or takes the first and names the others.
    """
    session: Session = context.obj
    project = session.project
    _check(name, project, sample)
    given = Given(split or "", assemble or "", _words(arguments))
    proposal = _chosen(session, _proposal(session, (name, script, sample), given), given)
    written = _write(session, proposal, script)
    tries = tries and not session.as_json
    file = shlex.quote(str(sample))
    trying = f"fanfare try{project.option} {name} {file}"
    _show(session, proposal, written, trying)
    if tries:
        end_in_order()
        code = first_item(session, name, sample)
        if code is not Exit.OK:
            session.note(
                f"Correct the script or pipelines/{name}.yaml, then try it again: {trying}"
            )
            raise typer.Exit(code)
        session.out.print(f"next: fanfare run{project.option} {name} {file} --get answer")
    elif not session.as_json:
        session.out.print(f"next: {trying}")


def _check(name: str, project: Project, sample: Path) -> None:
    if not _NAME.fullmatch(name):
        raise CommandError(
            f"{name!r} is not the name of a pipeline: take lower-case letters, digits and dashes, "
            "a letter first, at most 32.",
            Exit.USAGE,
        )
    if (project.root / "pipelines" / f"{name}.yaml").exists():
        raise CommandError(
            f"There is a pipeline {name} already: edit pipelines/{name}.yaml, "
            "or take another name.",
            Exit.USAGE,
        )
    if not sample.is_file():
        raise CommandError(f"There is no file {sample} to look at.", Exit.USAGE)
    if sample.stat().st_size == 0:
        raise CommandError(f"{sample} is empty: name an input as uploads have it.", Exit.USAGE)


def _words(arguments: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(arguments))
    except ValueError as error:
        raise CommandError(
            f"--arguments {arguments!r} cannot be read ({error}): close its quotes.", Exit.USAGE
        ) from error


def _proposal(session: Session, named: tuple[str, Path, Path], given: Given) -> Proposal:
    name, script, sample = named
    if not re.fullmatch(FILE_NAME, script.name, re.ASCII):
        raise CommandError(
            f"{script.name!r} is no name for a program on nodes: rename the script.", Exit.USAGE
        )
    pools = sorted(session.definitions().pools)
    if not pools:
        raise CommandError("The project has no pool: write pools/cpu.yaml first.", Exit.USAGE)
    pool = _USUAL_POOL if _USUAL_POOL in pools else pools[0]
    try:
        return proposed((name, script.name, pool), reading.read(script), sample_of(sample), given)
    except Unproposable as error:
        raise CommandError(str(error), Exit.USAGE) from error
    except OSError as error:
        raise CommandError(f"{sample} cannot be read ({error.strerror}).", Exit.USAGE) from error


def _chosen(session: Session, proposal: Proposal, given: Given) -> Proposal:
    """Ask for what is open if a person can answer; else say what could be chosen."""
    asked = dict(proposal.choices)
    for choice in proposal.open:
        if session.lively and sys.stdin.isatty():
            asked[choice.key] = _asked(choice)
        else:
            others = " or ".join(f"--{choice.key} {other}" for other in choice.others)
            session.note(f"{choice.key}: {choice.value} ({choice.why}); or name {others}.")
    if asked == proposal.choices:
        return proposal
    return replace(proposal, choices=asked)


def _asked(choice: Choice) -> Choice:
    ways = (choice.value, *choice.others)
    typer.echo(f"{choice.key}: {choice.why}. These fit equally: {', '.join(ways)}.")
    answer = typer.prompt(choice.key, default=choice.value)
    while answer not in ways:
        answer = typer.prompt(f"one of {', '.join(ways)}", default=choice.value)
    return replace(choice, value=answer, why="you chose it", others=())


def _write(session: Session, proposal: Proposal, script: Path) -> list[str]:
    """Write the files of a proposal; take them back if they cannot be used."""
    root, name = session.project.root, proposal.name
    files = {f"pipelines/{name}.yaml": definition(proposal).encode()}
    program = root / "task_scripts" / script.name
    if not program.is_file() or program.read_bytes() != script.read_bytes():
        files[f"task_scripts/{script.name}"] = script.read_bytes()
    _refuse_others(root, [*files, *(_environment_files(name) if proposal.packages else ())])
    if proposal.packages:
        files |= _environment(session, proposal)
    written, _ = Scaffold(files).write(root)
    try:
        session.definitions()
    except DefinitionError:
        for one in written:
            (root / one).unlink()
        raise
    return written


def _refuse_others(root: Path, names: Sequence[str]) -> None:
    """Raise CommandError, before anything is written, for a file that would be replaced."""
    if there := [name for name in names if os.path.lexists(root / name)]:
        raise CommandError(
            f"{there[0]} exists and is another file: take another name, or delete that file.",
            Exit.USAGE,
        )


def _environment_files(name: str) -> tuple[str, str]:
    here = f"task_scripts/environments/{name}"
    return f"{here}.in", f"{here}.txt"


def _environment(session: Session, proposal: Proposal) -> dict[str, bytes]:
    """Choose the versions of the packages that the script imports. Raises CommandError."""
    text = "".join(f"{package}\n" for package in proposal.packages)
    with TemporaryDirectory() as folder:
        source = Path(folder, f"{proposal.name}.in")
        source.write_text(text, "utf-8")
        with session.busy(f"Choosing versions of {', '.join(proposal.packages)}"):
            pinned = requirements.compiled(source, "", requirements.of_the_engine())
    contents = (text.encode(), pinned.encode())
    return dict(zip(_environment_files(proposal.name), contents, strict=True))


def _show(session: Session, proposal: Proposal, written: Sequence[str], following: str) -> None:
    choices = proposal.choices.values()
    answer = {
        "pipeline": proposal.name,
        "written": list(written),
        "packages": list(proposal.packages),
        "choices": {one.key: {"value": one.value, "why": one.why} for one in choices},
        "next": following,
    }
    lines = [f"wrote {', '.join(written)}"]
    lines += [f"{one.key:9} {one.value}   {one.why}" for one in choices]
    if proposal.packages:
        lines.append(f"packages  {', '.join(proposal.packages)}   the script imports them")
    session.answer(answer, "\n".join(lines))
