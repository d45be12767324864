"""Figures beside their goals: printed one by one as they are measured, and once more together."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

console = Console(highlight=False, soft_wrap=True)


@dataclass(frozen=True)
class Goal:
    """What a figure is to be: at most a bound, or at least one."""

    bound: float
    at_most: bool = True

    def __str__(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.bound:g}"

    def met_by(self, value: float) -> bool:
        """Tell whether a value is good enough."""
        return value <= self.bound if self.at_most else value >= self.bound


def most(bound: float) -> Goal:
    """Return the goal of a figure that is to be small."""
    return Goal(bound)


def least(bound: float) -> Goal:
    """Return the goal of a figure that is to be large."""
    return Goal(bound, at_most=False)


@dataclass
class Report:
    """The figures so far."""

    rows: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, what: str, value: float, unit: str, goal: Goal, spread: str = "") -> None:
        """Print a figure beside its goal, and keep it for the table."""
        met = "met" if goal.met_by(value) else "NOT MET"
        shown = f"{value:.3g}{f' {unit}' if unit else ''}"
        self.rows.append((what, shown, str(goal), met))
        console.print(f"{what}: {shown}{f' ({spread})' if spread else ''}, goal {goal}: {met}")

    def medians(self, what: str, values: Sequence[float], unit: str, goal: Goal) -> None:
        """Add the median of some measurements, and print their spread."""
        self.add(what, statistics.median(values), unit, goal, spread(values))

    def table(self) -> Table:
        """Return all figures beside their goals."""
        table = Table(title="figures and goals", title_justify="left", box=None)
        for name in ("figure", "measured", "goal", ""):
            table.add_column(name, justify="left" if name in ("figure", "") else "right")
        for row in self.rows:
            table.add_row(*row)
        return table


def spread(values: Sequence[float]) -> str:
    """Describe from where to where measurements go, and how many they are."""
    return f"{min(values):.2f} to {max(values):.2f}, n={len(values)}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the measurements does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
