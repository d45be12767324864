"""What a smoke found, as values: how each step ended, and on which evidence."""

from dataclasses import dataclass
from enum import StrEnum

from pipeline.cli.exits import CommandError


class Outcome(StrEnum):
    """How a step ended; `unseen` means that this command could not see whether it is well."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Found:
    """How a step ended, why one may believe it, and what to do about it."""

    outcome: Outcome
    evidence: str
    remedy: str = ""


@dataclass(frozen=True)
class Step:
    """A step with its name and how long it took, in seconds."""

    step: str
    outcome: Outcome
    seconds: float
    evidence: str
    remedy: str = ""


class Hindered(CommandError):
    """A step cannot reach its end; `remedy` is what to do about it."""

    def __init__(self, evidence: str, remedy: str = "") -> None:
        super().__init__(evidence)
        self.remedy = remedy
