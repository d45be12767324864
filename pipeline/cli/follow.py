"""Follows runs until they are over: a live display on a terminal, or a line for each change."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace

from rich.console import Group
from rich.live import Live
from rich.text import Text

from pipeline.cli.exits import Exit
from pipeline.cli.lookup import standing_of
from pipeline.cli.session import Deadline, Session
from pipeline.cli.views import runs as display
from pipeline.cli.views import wording
from pipeline.domain.runs.lifecycle import State
from pipeline.errors import Transient
from pipeline.handlers.collecting.standing import Standing

_ASK_EVERY = 5  # polls: asking Batch is expensive
_SHOWN = 12
_PATIENCE = 10  # polls in a row that may fail


@dataclass
class _Watch:
    """What is known about the runs that are watched."""

    session: Session
    quiet: bool
    seen: dict[str, Standing] = field(default_factory=dict)
    polls: int = 0
    failures: int = 0

    def poll(self, runs: Sequence[str]) -> None:
        """Read every run that is not over."""
        self.polls += 1
        for run in runs:
            known = self.seen.get(run)
            if known and known.run.over:
                continue
            try:
                ask = self.polls % _ASK_EVERY == 1
                found = standing_of(self.session, run, ask=ask)
                self.failures = 0
            except Transient:
                self.failures += 1
                if self.failures >= _PATIENCE:
                    raise
                continue
            if known and not ask and found.run.state is known.run.state:
                found = replace(found, obstacle=known.obstacle)
            self._take(run, found)

    def _take(self, run: str, found: Standing) -> None:
        known = self.seen.get(run)
        self.seen[run] = found
        if not self.quiet and (not known or display.plain_line(known) != display.plain_line(found)):
            self.session.out.print(display.plain_line(found), soft_wrap=True)

    def draw(self, runs: Sequence[str]) -> Group:
        """Draw the runs that fit; those that are not over come first."""
        now = self.session.door.now
        known = [self.seen[run] for run in runs if run in self.seen]
        ordered = sorted(known, key=lambda where: where.run.over)
        shown = [display.standing(where, now) for where in ordered[:_SHOWN]]
        rest = len(ordered) - len(shown)
        return Group(*shown, *([Text(f"and {rest:,} more", "dim")] if rest else []))


def follow(
    session: Session, runs: Sequence[str], deadline: Deadline, *, shown: bool = True
) -> list[Standing]:
    """Watch runs until all are over, and return their state; show them meanwhile if `shown`.

    Raises CommandError on a timeout.
    """
    lively = shown and session.lively
    watch = _Watch(session, quiet=session.as_json or session.lively or not shown)
    live = Live(console=session.out, transient=True, refresh_per_second=8)
    with live if lively else nullcontext():
        while True:
            watch.poll(runs)
            if lively:
                live.update(watch.draw(runs))
            known = [watch.seen[run] for run in runs if run in watch.seen]
            if len(known) == len(runs) and all(where.run.over for where in known):
                return known
            going = [_waits(where) for where in known if not where.run.over]
            deadline.check("; ".join(going[:_SHOWN]) or "the run")
            session.sleep(session.door.poll_s)


def _waits(where: Standing) -> str:
    """Say which run goes on, and what it waits for."""
    obstacle = where.obstacle or where.run.obstacle
    told = f" ({obstacle.code}: {wording.one_line(obstacle.evidence)})" if obstacle else ""
    return f"{where.run.id} is {where.run.state}{told}"


def verdict_of(standings: Sequence[Standing]) -> Exit:
    """Choose the exit code for runs that are over."""
    fine = all(where.run.state is State.SUCCEEDED for where in standings)
    return Exit.OK if fine else Exit.FAILED
