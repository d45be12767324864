"""A whole run on this machine: all items, then the output that they are assembled to."""

from dataclasses import dataclass

from pipeline.cli.trying.trial import Tell, Trial
from pipeline.domain.outputs.parts import Part
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run
from pipeline.handlers.collecting.standing import (
    FailedItem,
    failed_items,
    manifest_of,
    output_files,
)

_FAILURES = 3


@dataclass(frozen=True)
class Whole:
    """How a run ended: its verdict, the files of its output, and the first items that failed."""

    run: Run
    outputs: tuple[Part, ...]
    failed: tuple[FailedItem, ...]

    @property
    def succeeded(self) -> bool:
        """Whether the verdict is a success."""
        return self.run.state is State.SUCCEEDED


def carry_out(trial: Trial, tell: Tell = lambda _: None) -> Whole:
    """Bring a run to its verdict, as the engine does, and read what it left.

    `tell` gets how many tasks have ended, after each.
    """
    run = trial.finish(tell)
    manifest = manifest_of(trial.engine, run)
    files = output_files(trial.engine, run, manifest) if manifest else ()
    parts = (
        Part(0, file.name, run.names.output(file.name), file.size, file.digest.value)
        for file in files
    )
    failed = failed_items(trial.engine, run, _FAILURES)
    return Whole(run, tuple(parts), tuple(failed))
