"""How long each phase of the emulated machinery takes with `--timing timed`, and where the number
comes from."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_S = 86_400.0


class TimingError(ValueError):
    """The timing profile has an error; the text says which."""


@dataclass(frozen=True, slots=True)
class Span:
    """The least and the most seconds of a phase; the actual time is drawn between them."""

    least_s: float
    most_s: float


@dataclass(frozen=True, slots=True)
class Phase:
    """One wait of the machinery: what it is, its default time, and the source of that."""

    span: Span
    words: str
    source: str


_GUESS = "guess"
PHASES: Mapping[str, Phase] = {
    "allocate": Phase(
        Span(180, 480),
        "until the machines for a growing pool are there",
        "users' reports, [Azure/Batch#145](https://github.com/Azure/Batch/issues/145)",
    ),
    "create": Phase(
        Span(15, 25), "`creating`", "recorded: about 45 s with `starting`; the parts are a guess"
    ),
    "start": Phase(
        Span(20, 30), "`starting`; a start task then takes its own time", "as `creating`"
    ),
    "leave": Phase(Span(5, 15), "`leavingpool`, once nothing runs there", _GUESS),
    "reboot": Phase(Span(20, 60), "`rebooting`, before `starting`", _GUESS),
    "reimage": Phase(Span(60, 180), "`reimaging`, before `starting`", _GUESS),
    "deallocate": Phase(Span(20, 60), "`deallocating`", _GUESS),
    "return": Phase(
        Span(30, 90), "`preempted`, until the pool looks for another machine for the node", _GUESS
    ),
    "delete": Phase(Span(5, 15), "the end of a deleted pool's nodes", _GUESS),
    "settle": Phase(
        Span(0.5, 1.5), "passing states of jobs and job schedules, such as `terminating`", _GUESS
    ),
}

type Profile = Mapping[str, Span]
DEFAULT: Profile = {name: phase.span for name, phase in PHASES.items()}


def read_profile(text: str) -> Profile:
    """Read `phase=seconds,...` or `phase=least-most,...`; raises TimingError.

    Phases that are not named keep their defaults. The message says what is wrong and what is
    allowed.
    """
    given: dict[str, Span] = {}
    for part in filter(None, (one.strip() for one in text.split(","))):
        name, _, value = (one.strip() for one in part.partition("="))
        if name not in PHASES:
            raise TimingError(f"{name!r} is not a phase; known are {', '.join(PHASES)}")
        given[name] = _span(name, value)
    return {**DEFAULT, **given}


def _span(name: str, text: str) -> Span:
    least, dash, most = text.partition("-")
    try:
        span = Span(float(least), float(most if dash else least))
    except ValueError:
        span = Span(math.nan, math.nan)
    if not 0 <= span.least_s <= span.most_s <= _MOST_S:
        raise TimingError(f"{name} is seconds from 0 to 86400, such as 45 or 30-60, not {text!r}")
    return span


def timing_table() -> str:
    """Return all phases as a Markdown table."""
    rows = ["| phase | seconds | what takes them | source |", "|---|---|---|---|"]
    for name, phase in PHASES.items():
        seconds = f"{phase.span.least_s:g}-{phase.span.most_s:g}"
        rows.append(f"| `{name}` | `{seconds}` | {phase.words} | {phase.source} |")
    return "\n".join(rows) + "\n"
