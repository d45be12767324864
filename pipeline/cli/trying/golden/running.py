"""Runs a case: as `fanfare try --all`, or with `item` as `fanfare try --item`."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.cli import listing
from pipeline.cli.exits import CommandError
from pipeline.cli.trying import items, surroundings, whole
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.comparing import Difference, differences
from pipeline.cli.trying.golden.updating import update
from pipeline.cli.trying.trial import Attempt, Definitions, TaskLost, Trial
from pipeline.domain.outputs.parts import Part
from pipeline.domain.runs.lifecycle import State

_REFUSED = "a refusal"  # in place of a cause: nothing was run
_TAIL = 30  # lines of an error


@dataclass(frozen=True)
class Verdict:
    """How a case ended: what differs, how long it took, and whether it was written anew."""

    case: Case
    seconds: float
    found: tuple[Difference, ...]
    updated: bool = False

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.found


@dataclass(frozen=True)
class _End:
    """How what was tried ended: its outputs, or the cause and the words of its failure."""

    outputs: tuple[Part, ...] = ()
    cause: str = ""
    error: str = ""


def run(definitions: Definitions, case: Case, *, updating: bool) -> Verdict:
    """Run a case and judge it; with `updating`, write what came out where it was expected."""
    began = time.monotonic()
    with surroundings.folder(kept=False) as folder:
        attempt = _attempt(case, folder)
        with Trial.begun(definitions, attempt, folder / "trial") as trial:
            end = _end_of(trial, case)
            items.write_outputs(trial, end.outputs, folder / "outputs")
            made = {part.name: folder / "outputs" / part.name for part in end.outputs}
            found = tuple(_judged(case, end, made))
            updated = bool(found) and updating and not end.cause and case.body.fails is None
            if updated:
                update(case, made)
                found = tuple(one for one in found if one.refused)
    return Verdict(case, round(time.monotonic() - began, 3), found, updated)


def _attempt(case: Case, folder: Path) -> Attempt:
    (folder / "trial").mkdir()
    given, body = case.body.input, case.body
    parameters = case.pipeline.resolve_parameters(body.parameters)
    listed = listing.files(case.pipeline, case.file(body.folder)) if body.folder else []
    attempt = Attempt(case.pipeline, parameters=parameters, listed=tuple(listed))
    if given is None:
        return attempt
    file = case.file(given.file) if given.file else folder / "input"
    if given.text is not None:
        file.write_text(given.text, "utf-8")
    trigger = case.pipeline.trigger.blob
    name = f"{trigger.prefix if trigger else ''}{given.name or file.name}"
    return replace(attempt, file=file, name=name)


def _end_of(trial: Trial, case: Case) -> _End:
    try:
        return _whole(trial) if case.body.item is None else _item(trial, case.body.item)
    except TaskLost as error:
        return _End(cause=str(error.cause), error=str(error))
    except CommandError as error:
        return _End(cause=_REFUSED, error=str(error))


def _whole(trial: Trial) -> _End:
    ended = whole.carry_out(trial)
    if ended.succeeded:
        return _End(ended.outputs)
    return _End(cause=str(ended.run.cause), error=ended.run.error)


def _item(trial: Trial, number: int) -> _End:
    run = trial.plan()
    if run.state is State.FAILED:
        return _End(cause=str(run.cause), error=run.error)
    tried = items.carry_out(trial, run, items.page_of(trial, run, number))
    if tried.result.succeeded:
        return _End(tried.outputs)
    return _End(cause=str(tried.result.cause), error=tried.log)


def _judged(case: Case, end: _End, made: Mapping[str, Path]) -> list[Difference]:
    fails = case.body.fails
    lines = tuple(end.error.splitlines()[-_TAIL:])
    if fails is None:
        if end.cause:
            return [Difference("", f"failed with {end.cause}", lines)]
        return list(differences(case, made))
    if not end.cause:
        return [Difference("", f"succeeded, and should fail with {fails.cause}")]
    if end.cause != fails.cause:
        return [Difference("", f"failed with {end.cause}, not with {fails.cause}", lines)]
    if fails.says not in end.error:
        return [Difference("", f"failed without the words {fails.says!r}", lines)]
    return []
