"""What a pipeline's earlier runs took: the only reliable basis for an estimate."""

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.cli.doors.door import Door
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.run import Run

_LOOKED_AT = 60
_TAKEN = 20


@dataclass(frozen=True)
class History:
    """Totals over the latest runs that succeeded."""

    runs: int = 0
    items: int = 0
    node_seconds: float = 0.0
    cost: float = 0.0
    currency: str = ""

    @property
    def node_seconds_per_item(self) -> float | None:
        """The average use of an item; None without earlier runs."""
        return self.node_seconds / self.items if self.items else None

    @property
    def cost_per_run(self) -> float | None:
        """The average cost of a run; None without earlier runs or without a price."""
        return self.cost / self.runs if self.runs and self.currency else None


def history(door: Door, pipeline: str) -> History:
    """Add up the latest successful runs of a pipeline."""
    return summed(door.latest(pipeline, _LOOKED_AT).runs)


def summed(listed: Sequence[Run]) -> History:
    """Add up the runs that succeeded."""
    good = [run for run in listed if run.state is State.SUCCEEDED and run.succeeded][:_TAKEN]
    return History(
        runs=len(good),
        items=sum(run.succeeded for run in good),
        node_seconds=sum(run.node_seconds for run in good),
        cost=sum(run.cost for run in good),
        currency=good[0].currency if good else "",
    )
