"""Judges how a case ended, and says what differs; it does not matter where the case was run."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.trying import surroundings
from pipeline.cli.trying.golden.cases import Case
from pipeline.cli.trying.golden.comparing import Difference, differences
from pipeline.cli.trying.golden.updating import update
from pipeline.errors import Permanent

_REFUSED, _UNENDED = "a refusal", "no end in time"  # in place of a cause
_TAIL = 30  # lines of an error


@dataclass(frozen=True)
class End:
    """How a case ended: the files that it made, or the cause and the words of its failure.

    On a stack it has its `run`.
    """

    made: Mapping[str, Path] = field(default_factory=dict)
    cause: str = ""
    error: str = ""
    run: str = ""


@dataclass(frozen=True)
class Verdict:
    """What is not as expected, how long the case took, and whether it was written anew."""

    case: Case
    seconds: float
    found: tuple[Difference, ...]
    updated: bool = False
    run: str = ""

    @property
    def passed(self) -> bool:
        """Whether all is as expected."""
        return not self.found


type CarryOut = Callable[[Case, Path], End]


def judged(case: Case, carry_out: CarryOut, *, updating: bool) -> Verdict:
    """Carry out a case in a folder of its own, and judge it.

    With `updating`, write what came out where it was expected.
    """
    began = time.monotonic()
    with surroundings.folder(kept=False) as folder:
        end = carry_out(case, folder)
        found = tuple(_found(case, end))
        updated = bool(found) and updating and not end.cause and case.body.fails is None
        if updated:
            update(case, end.made)
            found = tuple(one for one in found if one.refused)
    return Verdict(case, round(time.monotonic() - began, 3), found, updated, end.run)


def refused(error: CommandError | Permanent, run: str = "") -> End:
    """Return the end of a case that was not carried out, or that did not end in time."""
    late = isinstance(error, CommandError) and error.code is Exit.TIMED_OUT
    return End(cause=_UNENDED if late else _REFUSED, error=str(error), run=run)


def _found(case: Case, end: End) -> list[Difference]:
    fails = case.body.fails
    lines = tuple(end.error.splitlines()[-_TAIL:])
    if fails is None:
        if end.cause:
            return [Difference("", f"failed with {end.cause}", lines)]
        return list(differences(case, end.made))
    if not end.cause:
        return [Difference("", f"succeeded, and should fail with {fails.cause}")]
    if end.cause != fails.cause:
        return [Difference("", f"failed with {end.cause}, not with {fails.cause}", lines)]
    if fails.says not in end.error:
        return [Difference("", f"failed without the words {fails.says!r}", lines)]
    return []
