"""Evaluates a parsed formula: one pass over its statements, then targets and the results string."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lark import Token, Tree

from emulators.batch.autoscale import functions, operators
from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.grammar import Expression
from emulators.batch.autoscale.samples import Samples, Series
from emulators.batch.autoscale.values import (
    INTERVALS,
    MEMBERS,
    FormulaError,
    Value,
    as_double,
    as_whole,
    kind,
    written,
)

DEDICATED, SPOT, OPTION = (
    "$TargetDedicatedNodes",
    "$TargetLowPriorityNodes",
    "$NodeDeallocationOption",
)
_ALIASES = {
    "$TargetDedicated": DEDICATED,
    "$TargetLowPriority": SPOT,
    "$TVMDeallocationOption": OPTION,
}
_MOST_NODES = 2**31 - 1
# What one evaluation may compute, in values and elements of vectors: formulas in use need some
# thousands, while a hundred `a = vec(a, a);` would fill any memory.
_BUDGET = 1_000_000
_OPTIONS = ("requeue", "terminate", "taskcompletion", "retaineddata")
SAMPLED = frozenset(
    [
        "$CPUPercent",
        "$ActiveTasks",
        "$RunningTasks",
        "$PendingTasks",
        "$SucceededTasks",
        "$FailedTasks",
        "$PreemptedNodeCount",
        "$UsableNodeCount",
        "$SampleNodeCount",
        "$WallClockSeconds",
        "$MemoryBytes",
        "$DiskBytes",
        "$DiskReadBytes",
        "$DiskWriteBytes",
        "$DiskReadOps",
        "$DiskWriteOps",
        "$NetworkInBytes",
        "$NetworkOutBytes",
        "$CurrentDedicatedNodes",
        "$CurrentLowPriorityNodes",
        "$TaskSlotsPerNode",
    ]
)
_SAMPLED_ALIASES = {
    "$SampleTVMCount": "$SampleNodeCount",
    "$CurrentDedicated": "$CurrentDedicatedNodes",
}


@dataclass(frozen=True, slots=True)
class Situation:
    """What a formula can know: the time, the samples, the pool's present numbers."""

    now: datetime
    samples: Samples = field(default_factory=Samples)
    plain: Mapping[str, float] = field(default_factory=dict)
    dedicated: int = 0
    spot: int = 0
    option: str = "requeue"
    dialect: Dialect = field(default_factory=Dialect)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a formula wants, with the results string; on an
    error the present numbers and the error."""

    dedicated: int
    spot: int
    option: str
    results: str
    error_code: str = ""
    error_words: str = ""
    error_detail: str = ""


class _Stopped(Exception):
    """stop() was called."""


def evaluate(statements: Sequence[Expression], situation: Situation) -> Outcome:
    """Run a formula; never raises for what the formula does wrong."""
    run = _Run(situation)
    try:
        run.execute(statements)
        dedicated, spot = run.target(DEDICATED), run.target(SPOT)
        option = run.option()
    except (FormulaError, OverflowError, RecursionError) as error:
        failure = _failure(error)
        results = _results(situation.dedicated, situation.spot, situation.option, {})
        return Outcome(
            situation.dedicated,
            situation.spot,
            situation.option,
            results,
            failure.code,
            failure.words,
            str(failure),
        )
    return Outcome(dedicated, spot, option, _results(dedicated, spot, option, run.user_variables()))


def _failure(error: Exception) -> FormulaError:
    if isinstance(error, RecursionError):
        return FormulaError("the formula is nested too deeply")
    return error if isinstance(error, FormulaError) else FormulaError(str(error))


def _results(dedicated: int, spot: int, option: str, variables: Mapping[str, Value]) -> str:
    parts = [f"{DEDICATED}={dedicated}", f"{SPOT}={spot}", f"{OPTION}={option}"]
    parts += [f"{name}={written(variables[name])}" for name in sorted(variables)]
    return ";".join(parts)


class _Run:
    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._left = _BUDGET
        self._dialect = situation.dialect
        self._assigned: dict[str, Value] = {}
        self._present: dict[str, Value] = {
            DEDICATED: float(situation.dedicated),
            SPOT: float(situation.spot),
            OPTION: situation.option,
        }

    def execute(self, statements: Sequence[Expression]) -> None:
        """Run statement after statement until the end or stop()."""
        try:
            for statement in statements:
                if statement.data == "assign":
                    name, expression = statement.children
                    self._assigned[str(name)] = self._value(expression)
                else:
                    self._value(statement.children[0])
        except _Stopped:
            return

    def target(self, name: str) -> int:
        """Return a target as a whole number, truncated, never negative."""
        count = as_whole(self._strict(self._variable(name)))
        if count < 0 and self._dialect.negative_target == "error":
            raise FormulaError(f"{name} cannot be negative")
        if count > _MOST_NODES:
            raise FormulaError(f"{name} cannot be more than {_MOST_NODES}")
        return max(0, count)

    def option(self) -> str:
        """Return what happens to tasks on nodes that go."""
        value = self._variable(OPTION)
        if not isinstance(value, str) or value.lower() not in _OPTIONS:
            raise FormulaError(f"{OPTION} cannot be {written(value)}")
        return value.lower()

    def user_variables(self) -> dict[str, Value]:
        """Return the variables that are not the service's own."""
        own = {DEDICATED, SPOT, OPTION, *_ALIASES}
        return {name: value for name, value in self._assigned.items() if name not in own}

    def _variable(self, name: str) -> Value:
        if name in self._assigned:
            return self._assigned[name]
        for alias, full in _ALIASES.items():
            if full == name and alias in self._assigned:
                return self._assigned[alias]
        return self._present[name]

    def _value(self, node: object) -> Value:
        if not isinstance(node, Tree):
            raise FormulaError(f"{node} has no value")
        value = _COMPUTED.get(str(node.data), _Run._operator)(self, node)
        # What goes into a function or an operator is paid before it is
        # combined, so no result outgrows what is left by more than its inputs.
        self._left -= len(value) + 1 if isinstance(value, tuple) else 1
        if self._left < 0:
            raise FormulaError(f"the formula computes more than {_BUDGET} values")
        return value

    def _choose(self, node: Tree[Token]) -> Value:
        condition, then, otherwise = node.children
        return self._value(then if self._true(condition) else otherwise)

    def _atom(self, node: Tree[Token]) -> Value:
        token = node.children[0]
        if node.data == "number":
            return float(str(token))
        return str(token)[1:-1] if node.data == "string" else self._name(token)

    def _operator(self, node: Tree[Token]) -> Value:
        kids = node.children
        match str(node.data):
            case "invert":
                return float(not self._true(kids[0]))
            case "negate":
                return operators.negate(str(kids[0]), self._strict(self._value(kids[1])))
            case "compare":
                left, right = (self._strict(self._value(kid)) for kid in (kids[0], kids[2]))
                return operators.compare(str(kids[1]), left, right)
        left, sign, right = self._value(kids[0]), str(kids[1]), self._value(kids[2])
        if self._dialect.strict and not operators.documented(sign, left, right):
            raise FormulaError(f"{kind(left)} {sign} {kind(right)} is not documented")
        return operators.arithmetic(sign, left, right)

    def _logic(self, node: Tree[Token]) -> Value:
        left, right = node.children
        either = node.data == "logic_or"
        first = self._true(left)
        if self._dialect.lazy and first is either:
            return float(first)
        second = self._true(right)
        return float(first or second if either else first and second)

    def _true(self, node: object) -> bool:
        return as_double(self._strict(self._value(node))) != 0

    def _strict(self, value: Value) -> Value:
        """Pass a value on where a double is wanted; strictly, a vector is none."""
        if self._dialect.strict and isinstance(value, tuple):
            raise FormulaError("a double is expected, not a doubleVec")
        return value

    def _name(self, token: object) -> Value:
        name = str(token)
        if name in self._assigned:
            return self._assigned[name]
        if _ALIASES.get(name, name) in self._present:
            return self._variable(_ALIASES.get(name, name))
        if name == "TimeInterval_Year":
            return timedelta(days=self._dialect.year_days)
        if name in INTERVALS or name in _OPTIONS:
            return INTERVALS.get(name, name)
        name = _SAMPLED_ALIASES.get(name, name)
        if name in self._situation.plain:
            return self._situation.plain[name]
        if name in SAMPLED:
            latest = Series(name, self._situation.samples, self._situation.now).latest()
            return 0.0 if latest is None else latest
        raise FormulaError(f"{_place(token)}Undefined symbol: {name}")

    def _postfix(self, node: Tree[Token]) -> Value:
        if node.data == "call":
            return self._call(node)
        owner, name = node.children[0], str(node.children[1])
        if node.data == "member":
            value = self._value(owner)
            if isinstance(value, datetime) and name in MEMBERS:
                number = MEMBERS[name](value)
                sunday = name == "weekday" and number == 7  # noqa: PLR2004 - as ISO counts
                return float(self._dialect.sunday) if sunday else number
            raise FormulaError(f"{_place(node.children[1])}a {kind(value)} has no member {name}")
        return self._method(node, owner, name)

    def _method(self, node: Tree[Token], owner: object, name: str) -> Value:
        known = isinstance(owner, Tree) and owner.data == "name"
        variable = str(owner.children[0]) if isinstance(owner, Tree) and known else ""
        variable = _SAMPLED_ALIASES.get(variable, variable)
        if variable not in SAMPLED:
            raise FormulaError(
                f"{_place(node.children[1])}only sampled variables have the method {name}"
            )
        series = Series(
            variable,
            self._situation.samples,
            self._situation.now,
            newest_first=self._dialect.newest_first,
        )
        place = node.children[2]
        try:
            value = series.ask(name, self._arguments(place))
        except FormulaError as error:
            raise type(error)(f"{_place(place)}{error}") from error
        if value is None:
            raise FormulaError(f"{_place(node.children[1])}{variable} has no method {name}")
        return value

    def _call(self, node: Tree[Token]) -> Value:
        name = str(node.children[0])
        arguments = self._arguments(node.children[1])
        if name == "stop" and not arguments:
            raise _Stopped
        value = functions.call(name, arguments, self._situation.now)
        if value is None:
            raise FormulaError(f"{_place(node.children[0])}Undefined symbol: {name}")
        return value

    def _arguments(self, node: object) -> list[Value]:
        return [self._value(child) for child in node.children] if isinstance(node, Tree) else []


_COMPUTED: Mapping[str, Callable[[_Run, Tree[Token]], Value]] = {
    **dict.fromkeys(("number", "string", "name"), _Run._atom),
    **dict.fromkeys(("logic_or", "logic_and"), _Run._logic),
    **dict.fromkeys(("call", "method", "member"), _Run._postfix),
    "choose": _Run._choose,
}


def _place(part: object) -> str:
    where = part.meta if isinstance(part, Tree) else part
    line, column = getattr(where, "line", None), getattr(where, "column", None)
    return f"Line {line}, Col {column}: " if line else ""
