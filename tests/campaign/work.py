"""What the campaign has asked for, and what must become of it."""

from dataclasses import dataclass, field

from pipeline.domain.runs import naming
from tests.patience import Limit

VERDICT_S = 180.0


@dataclass(frozen=True)
class Work:
    """One input version or request: the run that it starts, and the lines of that run.

    A run of an input that was overwritten at once may end as superseded instead, and there is none
    if its event was lost.
    """

    run: str
    pipeline: str
    lines: tuple[str, ...]
    overwritten: bool = False
    limit: Limit = field(default_factory=lambda: Limit(VERDICT_S), compare=False)

    @property
    def output(self) -> dict[str, bytes]:
        """The files of its output."""
        name = "joined.txt" if self.pipeline == "parted" else "done.txt"
        return {name: "".join(f"{line}\n" for line in self.lines if not fails(line)).encode()}

    @property
    def missing(self) -> list[int]:
        """The numbers of the items that fail."""
        return [number for number, line in enumerate(self.lines) if fails(line)]

    @property
    def next(self) -> "Work | None":
        """What its success starts."""
        if self.pipeline != "busy":
            return None
        run = naming.run_id("after", ("run", self.run, "1", "succeeded"))
        return Work(run, "after", tuple(line for line in self.lines if not fails(line)))


def fails(line: str) -> bool:
    """Tell whether the program fails for a line."""
    return line.startswith("fail")
