"""Walks a parsed formula and computes it from the present values; it changes nothing outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from lark import Token, Tree

from emulators.batch.autoscale import functions, operators
from emulators.batch.autoscale.dialect import Dialect
from emulators.batch.autoscale.grammar import Expression
from emulators.batch.autoscale.names import (
    OPTIONS,
    READ_ONLY,
    SAMPLED,
    SAMPLED_ALIASES,
    TARGET_ALIASES,
    Spellings,
)
from emulators.batch.autoscale.samples import Row
from emulators.batch.autoscale.series import METHODS, Series
from emulators.batch.autoscale.values import (
    INTERVALS,
    MEMBERS,
    YEAR,
    FormulaError,
    Keyword,
    Value,
    as_double,
    kind,
)

# A run takes some hundred milliseconds at most; 100 statements over a day of samples need less.
MAX_WORK = 2_000_000


class Stopped(Exception):
    """stop() was called."""


class Interpreter:
    """One run of a formula; `assigned` holds the variables that it has assigned so far."""

    def __init__(
        self,
        now: datetime,
        present: Mapping[str, Value],
        rows: Sequence[Row],
        period: timedelta,
        dialect: Dialect,
    ) -> None:
        self._now, self._present, self._dialect = now, present, dialect
        self._rows, self._period = rows, period
        self._series: dict[str, Series] = {}
        self._spellings = Spellings(dialect)
        self._constants: dict[str, Value] = {
            **INTERVALS,
            YEAR: timedelta(days=dialect.year_days),
            **{option: Keyword(option) for option in OPTIONS},
        }
        self._work = 0
        self.assigned: dict[str, Value] = {}

    def execute(self, statement: Expression) -> None:
        """Run one statement; raises FormulaError, or Stopped."""
        if statement.data == "bare":
            self._value(statement.children[0])
            return
        token, expression = statement.children
        name = self._spellings.of(str(token))
        value = self._value(expression)
        if name in READ_ONLY:
            raise _at(FormulaError(f"{name} is read-only"), token)
        self.assigned[name] = value

    def variable(self, name: str) -> Value:
        """Return a variable of the service; a full name wins over an alias."""
        if name in self.assigned:
            return self.assigned[name]
        for alias, full in TARGET_ALIASES.items():
            if full == name and alias in self.assigned:
                return self.assigned[alias]
        return self._present[name]

    def _value(self, node: Token | Expression) -> Value:
        # A chain of choices may be as long as the formula; the grammar bounds all other nesting.
        while isinstance(node, Tree) and node.data == "choose":
            condition, first, second = node.children
            node = first if self._true(condition) else second
        if not isinstance(node, Tree):
            raise TypeError(f"the grammar gives no bare token here: {node!r}")
        match str(node.data):
            case "number" | "string" | "name":
                return self._atom(node)
            case "logic_or" | "logic_and":
                return self._logic(node)
            case "call":
                return self._call(node)
            case "method":
                return self._method(node)
            case "member":
                return self._member(node)
        return self._prefix(node) if node.data == "prefix" else self._chain(node)

    def _atom(self, node: Expression) -> Value:
        token = node.children[0]
        if node.data == "number":
            return float(str(token))
        return str(token)[1:-1] if node.data == "string" else self._name(token)

    def _chain(self, node: Expression) -> Value:
        kids = node.children
        value = self._value(kids[0])
        for sign, operand in zip(kids[1::2], kids[2::2], strict=True):
            right = self._value(operand)
            try:
                self._spend(value, right)
                value = operators.binary(str(sign), value, right, self._dialect)
            except FormulaError as error:
                raise _at(error, sign) from error
        return value

    def _spend(self, *operands: Value) -> None:
        """Count the elements that the formula computes with, and stop a formula that takes too
        long."""
        self._work += sum(len(one) if isinstance(one, tuple) else 1 for one in operands)
        if self._work > MAX_WORK:
            raise FormulaError(f"more than {MAX_WORK} elements to compute with")

    def _prefix(self, node: Expression) -> Value:
        *signs, operand = node.children
        value = self._value(operand)
        for sign in reversed(signs):
            try:
                value = operators.prefix(str(sign), value, self._dialect)
            except FormulaError as error:
                raise _at(error, sign) from error
        return value

    def _logic(self, node: Expression) -> Value:
        decides = node.data == "logic_or"
        if not self._dialect.lazy:
            sides = [self._true(kid) for kid in node.children]
            return float(any(sides) if decides else all(sides))
        if any(self._true(kid) is decides for kid in node.children):
            return float(decides)
        return float(not decides)

    def _true(self, node: Token | Expression) -> bool:
        value = self._value(node)
        try:
            return as_double(value, strict=self._dialect.strict) != 0
        except FormulaError as error:
            raise _at(error, node) from error

    def _name(self, token: Token | Expression) -> Value:
        name = self._spellings.of(str(token))
        if name in self.assigned:
            return self.assigned[name]
        if name in self._constants:
            return self._constants[name]
        name = SAMPLED_ALIASES.get(name, TARGET_ALIASES.get(name, name))
        if name in self._present:
            return self.variable(name)
        if name in SAMPLED and not self._dialect.strict:
            return self._series_of(name).latest()
        raise _at(FormulaError(f"Undefined symbol: {name}"), token)

    def _series_of(self, name: str) -> Series:
        if name not in self._series:
            self._series[name] = Series(name, self._rows, self._now, self._period, self._dialect)
        return self._series[name]

    def _member(self, node: Expression) -> Value:
        owner, token = node.children
        value, name = self._value(owner), self._spellings.of(str(token))
        if not isinstance(value, datetime) or name not in MEMBERS:
            raise _at(FormulaError(f"a {kind(value)} has no member {name}"), token)
        number = MEMBERS[name](value)
        is_sunday = name == "weekday" and number == 7  # noqa: PLR2004 - as ISO 8601 counts
        return float(self._dialect.sunday) if is_sunday else number

    def _method(self, node: Expression) -> Value:
        owner, token, place = node.children
        method, variable = self._spellings.of(str(token)), self._sampled(owner)
        if not variable:
            raise _at(FormulaError(f"only sampled variables have the method {method}"), token)
        if method not in METHODS:
            raise _at(FormulaError(f"{variable} has no method {method}"), token)
        arguments = self._arguments(place)
        try:
            return self._series_of(variable).ask(method, arguments)
        except FormulaError as error:
            raise _at(error, place) from error

    def _sampled(self, owner: Token | Expression) -> str:
        """Return the sampled variable that an expression names, or None."""
        if not isinstance(owner, Tree) or owner.data != "name":
            return ""
        name = self._spellings.of(str(owner.children[0]))
        name = SAMPLED_ALIASES.get(name, name)
        return name if name in SAMPLED else ""

    def _call(self, node: Expression) -> Value:
        token, place = node.children
        name = self._spellings.of(str(token))
        if not functions.exists(name, self._dialect):
            raise _at(FormulaError(f"Undefined symbol: {name}"), token)
        arguments = self._arguments(place)
        if name == "stop" and not arguments:
            raise Stopped
        try:
            self._spend(*arguments)
            return functions.call(name, arguments, self._now, self._dialect)
        except FormulaError as error:
            raise _at(error, token) from error

    def _arguments(self, node: Token | Expression) -> list[Value]:
        return [self._value(child) for child in node.children] if isinstance(node, Tree) else []


def _at(error: FormulaError, part: Token | Expression) -> FormulaError:
    """Add the place to an error that has none yet."""
    where = part.meta if isinstance(part, Tree) else part
    error.at(getattr(where, "line", None), getattr(where, "column", None))
    return error
