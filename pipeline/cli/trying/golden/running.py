"""Runs a case on this machine alone: as `fanfare try --all`, or with `item` as `try --item`."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from pipeline.cli.exits import CommandError
from pipeline.cli.starting import listing
from pipeline.cli.trying import items, whole
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.judging import End, refused
from pipeline.cli.trying.trial import Attempt, Definitions, TaskLost, Trial
from pipeline.domain.outputs.parts import Part
from pipeline.domain.runs.lifecycle import State


def carry_out(definitions: Definitions, case: Case, folder: Path) -> End:
    """Run a case in a folder, without a stack."""
    attempt = _attempt(case, folder)
    with Trial.begun(definitions, attempt, folder / "trial") as trial:
        try:
            if case.body.item is None:
                return _whole(trial, folder)
            return _item(trial, case.body.item, folder)
        except TaskLost as error:
            return End(cause=str(error.cause), error=str(error))
        except CommandError as error:
            return refused(error)


def _attempt(case: Case, folder: Path) -> Attempt:
    (folder / "trial").mkdir()
    parameters = case.pipeline.resolve_parameters(case.body.parameters)
    listed = listing.files(case.pipeline, case.file(case.body.folder)) if case.body.folder else []
    attempt = Attempt(case.pipeline, parameters=parameters, listed=tuple(listed))
    file = case.given_in(folder)
    return replace(attempt, file=file, name=case.blob_name) if file else attempt


def _whole(trial: Trial, folder: Path) -> End:
    ended = whole.carry_out(trial)
    if ended.succeeded:
        return _made(trial, ended.outputs, folder)
    return End(cause=str(ended.run.cause), error=ended.run.error)


def _item(trial: Trial, number: int, folder: Path) -> End:
    run = trial.plan()
    if run.state is State.FAILED:
        return End(cause=str(run.cause), error=run.error)
    tried = items.carry_out(trial, run, items.page_of(trial, run, number))
    if tried.result.succeeded:
        return _made(trial, tried.outputs, folder)
    return End(cause=str(tried.result.cause), error=tried.log)


def _made(trial: Trial, outputs: Iterable[Part], folder: Path) -> End:
    return End(items.write_outputs(trial.machine.blobs, outputs, folder / "outputs"))
