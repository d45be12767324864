"""The port: what commands ask of a target, whichever way they reach it.

A command that needs more than this works directly, by `Session.engine`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.run import Run
from pipeline.handlers.collecting.logs import Log
from pipeline.handlers.collecting.standing import FailedItem, Standing

LOG_BYTES = 4 << 20  # that are read of a log

type Advance = Callable[[int], None]


@dataclass(frozen=True)
class Listed:
    """The runs that could be read, and what is wrong with the others."""

    runs: Sequence[Run]
    unreadable: Sequence[str] = ()


@dataclass(frozen=True)
class Logs:
    """Logs that were read; `more` if there are further ones, which the target does not show."""

    found: Iterable[Log]
    more: bool = False


@dataclass(frozen=True)
class Wanted:
    """A run that is to be started by a request; `file` becomes its input, called `name`."""

    pipeline: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    file: Path | None = None
    name: str | None = None
    key: str | None = None


class Outputs(Protocol):
    """The committed output of a run."""

    def manifest(self) -> tuple[str, bytes] | None:
        """Return the manifest's present ETag and bytes, or None if it is gone."""

    def stream(self, name: str, offset: int) -> Iterator[bytes]:
        """Yield a file of the output from an offset on. Raises NotFound."""


class Door(Protocol):
    """What commands ask of a target. Every verb raises NotFound, Transient or Permanent."""

    @property
    def poll_s(self) -> float:
        """How long a command that follows a run waits between two looks, in seconds."""

    @property
    def now(self) -> datetime:
        """The time, by the clock of the target if that is in memory."""

    def latest(self, pipeline: str | None, limit: int, *, active: bool = False) -> Listed:
        """List the latest runs of a pipeline or of all, or of them those that go on."""

    def find(self, run: str) -> Run | None:
        """Return the run with this id, or None if there is none."""

    def beginning(self, text: str) -> list[str]:
        """Name the runs whose ids begin so, among the latest."""

    def standing(self, run: str, *, ask: bool = True) -> Standing:
        """Read how a run stands; without `ask`, what it waits for may be what was noted last."""

    def failed(self, run: Run, limit: int) -> list[FailedItem]:
        """Return the first items that failed, with what they printed."""

    def manifest(self, run: Run) -> Manifest | None:
        """Return the manifest of a run's output; None if there is none, or not for this caller."""

    def edited(self, run: Run) -> list[str]:
        """Name the files that are here in another version than the run has, as far as is known."""

    def start(self, wanted: Wanted, advance: Advance) -> str:
        """Start a run by a request and return its id; `advance` gets bytes that were sent."""

    def cancel(self, run: str) -> Run:
        """Cancel a run. Raises Conflict."""

    def redrive(self, run: str) -> Run:
        """Execute again what failed of a run that is over. Raises Conflict."""

    def outputs(self, run: Run) -> Outputs:
        """Open the committed output of a run."""

    def logs(self, run: Run, unit: str) -> Logs:
        """Read the logs of a unit of the run's generation, or of all."""
