"""What became of a fault: whether its code was told, and whether the printed remedy cured it."""

from collections.abc import Iterable
from dataclasses import dataclass

from tests.faults.table import Fault, Kind


@dataclass(frozen=True)
class Answer:
    """What was told of a fault: a code, the text around it, and the remedy."""

    code: str
    text: str
    remedy: str = ""


@dataclass(frozen=True)
class Outcome:
    """A fault, all answers about it, and whether the remedy cured it (None: it has no command)."""

    fault: Fault
    answers: tuple[Answer, ...]
    cured: bool | None = None
    trouble: str = ""

    @property
    def told(self) -> Answer | None:
        """The answer with the expected code."""
        return next((a for a in self.answers if a.code == self.fault.code), None)

    def __str__(self) -> str:
        told = "told" if self.told else "NOT TOLD"
        said = self.told.remedy if self.told else [a.code for a in self.answers]
        trouble = self.trouble if self.cured is False else ""
        return f"{self.fault}: {told}, cured: {self.cured}, {said} {trouble}"


@dataclass(frozen=True)
class Shares:
    """How many faults were told, and how many remedies of this machine cured."""

    told: int
    faults: int
    cured: int
    local: int

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> "Shares":
        """Count outcomes."""
        found = list(outcomes)
        local = [one for one in found if one.fault.kind is Kind.HERE]
        return cls(
            sum(one.told is not None for one in found),
            len(found),
            sum(bool(one.cured) for one in local),
            len(local),
        )

    def __str__(self) -> str:
        return (
            f"told: {self.told} of {self.faults}; "
            f"cured by the printed commands: {self.cured} of {self.local}"
        )
