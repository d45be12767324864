"""Evaluates a formula in a situation and returns targets, the results string, or the error."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.grammar import Expression
from emulators.batch.autoscale.interpreter import Interpreter, Stopped
from emulators.batch.autoscale.names import DEDICATED, OPTION, OPTIONS, SPOT, TARGET_ALIASES
from emulators.batch.autoscale.samples import Samples
from emulators.batch.autoscale.values import (
    FormulaError,
    Keyword,
    Value,
    as_double,
    written,
)

_LARGEST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Situation:
    """What a formula can know: the time, the samples, and the pool's present numbers.

    `plain` holds the variables as of now. A formula reads those of names.PLAIN as numbers. With the
    dialect's `live_samples` all of them form one more sample; an empty mapping forms none.
    """

    now: datetime
    samples: Samples = field(default_factory=Samples)
    plain: Mapping[str, float] = field(default_factory=dict)
    live: Mapping[str, float] = field(default_factory=dict)
    dedicated: int = 0
    spot: int = 0
    option: str = "requeue"
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a formula wants, with the results string; after an error it holds the present
    numbers."""

    dedicated: int
    spot: int
    option: str
    results: str
    error_code: str = ""
    error_words: str = ""
    error_detail: str = ""


def evaluate(statements: Sequence[Expression], situation: Situation) -> Outcome:
    """Run a formula; an error of the formula becomes part of the outcome and is not raised."""
    dialect = situation.dialect
    run = _interpreter(situation)
    try:
        _execute(run, statements)
        targets = _target(run, DEDICATED, dialect), _target(run, SPOT, dialect)
        option = _option(run, dialect)
    except FormulaError as error:
        present = situation.dedicated, situation.spot, situation.option
        return Outcome(
            *present, _results(*present, {}, dialect), error.code, error.words, str(error)
        )
    own = {DEDICATED, SPOT, OPTION, *TARGET_ALIASES}
    others = {name: value for name, value in run.assigned.items() if name not in own}
    return Outcome(*targets, option, _results(*targets, option, others, dialect))


def _interpreter(situation: Situation) -> Interpreter:
    present: dict[str, Value] = {
        **situation.plain,
        DEDICATED: float(situation.dedicated),
        SPOT: float(situation.spot),
        OPTION: Keyword(situation.option),
    }
    rows = situation.samples.published(situation.now)
    if situation.live and situation.dialect.live_samples:
        rows.append((situation.now, situation.live))
    return Interpreter(situation.now, present, rows, situation.samples.period, situation.dialect)


def _execute(run: Interpreter, statements: Sequence[Expression]) -> None:
    try:
        for statement in statements:
            run.execute(statement)
    except Stopped:
        return


def _target(run: Interpreter, name: str, dialect: Dialect) -> int:
    """Return a target as a whole number, truncated."""
    value = as_double(run.variable(name), strict=dialect.strict)
    if not math.isfinite(value) or value > _LARGEST:
        raise FormulaError(f"{name} cannot be {value:.6g}")
    if value < 0 and dialect.negative_target == "error":
        raise FormulaError(f"{name} cannot be negative")
    return max(0, int(value))


def _option(run: Interpreter, dialect: Dialect) -> str:
    """Return what happens to tasks on nodes that leave."""
    value = run.variable(OPTION)
    known = isinstance(value, str) and value.lower() in OPTIONS
    if not known or not (dialect.quoted_option or isinstance(value, Keyword)):
        raise FormulaError(f"{OPTION} cannot be {written(value)}")
    return str(value).lower()


def _results(
    dedicated: int, spot: int, option: str, variables: Mapping[str, Value], dialect: Dialect
) -> str:
    parts = [f"{DEDICATED}={dedicated}", f"{SPOT}={spot}", f"{OPTION}={option}"]
    parts += [
        f"{name}={written(variables[name], dialect.interval_format)}" for name in sorted(variables)
    ]
    return ";".join(parts)
