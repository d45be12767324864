"""Compiles $filter into a predicate, after a check against what the list allows."""

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any

from odata_query import ast

from emulators.batch.document import Doc, parse_stamp, stamp
from emulators.batch.errors import BatchError
from emulators.batch.query.parameters import refuse
from emulators.batch.query.parse import parse_filter
from emulators.batch.query.properties import Filterable, type_of

# An entry is a document, or an object with readers for the properties of its document.
type Predicate = Callable[[Any], bool]
type Reader = Callable[[Any], Any]
type Readers = tuple[tuple[str, Reader], ...]
type Literal = str | float | bool | None
type Test = Callable[[Any], bool]

_MOST_DEPTH = 100
_COMPARE: Mapping[type[ast._Node], tuple[str, Callable[[Any, Any], bool]]] = {
    ast.Eq: ("eq", operator.eq),
    ast.NotEq: ("ne", operator.ne),
    ast.Gt: ("gt", operator.gt),
    ast.GtE: ("ge", operator.ge),
    ast.Lt: ("lt", operator.lt),
    ast.LtE: ("le", operator.le),
}
_LITERALS: Mapping[type[ast._Node], str] = {
    ast.String: "text",
    ast.GUID: "text",
    ast.Boolean: "truth",
    ast.Integer: "number",
    ast.Float: "number",
    ast.DateTime: "moment",
    ast.Date: "moment",
    ast.Null: "null",
}
# The form of our own timestamps: they can be compared as text.
_OWN_STAMP = len("2024-01-01T00:00:00.000000Z")


def compile_filter(text: str, allowed: Filterable, readers: Readers = ()) -> Predicate:
    """Return the predicate of a filter; refuse unknown properties and bad syntax.

    The predicate takes documents, or objects whose allowed properties `readers` read.
    """
    return _compile(text, tuple(allowed.items()), readers)


@lru_cache(maxsize=128)
def _compile(text: str, allowed: tuple[tuple[str, str], ...], readers: Readers) -> Predicate:
    names = {name.lower(): (name, operators) for name, operators in allowed}
    return _Compiler(text, names, dict(readers)).predicate(parse_filter(text), 0)


def lookup(document: Doc, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Follow a property path; return None where it ends early."""
    found: Any = document
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found


@dataclass(frozen=True, slots=True)
class _Compiler:
    """Turns the tree of one filter into closures; a refusal shows the whole filter."""

    text: str
    names: Mapping[str, tuple[str, str]]
    readers: Mapping[str, Reader]

    def predicate(self, node: ast._Node, depth: int) -> Predicate:
        """Compile a condition."""
        if depth > _MOST_DEPTH:
            raise self._refuse("The filter is nested too deeply.")
        if isinstance(node, ast.BoolOp):
            return self._joined(node, depth)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self.predicate(node.operand, depth + 1)
            return lambda thing: not inner(thing)
        if isinstance(node, ast.Call):
            return self._prefix(node)
        if isinstance(node, ast.Compare):
            return self._comparison(node)
        raise self._refuse("The filter has to be made of comparisons.")

    def _joined(self, node: ast.BoolOp, depth: int) -> Predicate:
        # A chain of one operator is a list, however long; only real nesting counts.
        operands, spine, kind = [], [node.left, node.right], type(node.op)
        while spine:
            part = spine.pop()
            if isinstance(part, ast.BoolOp) and type(part.op) is kind:
                spine += [part.left, part.right]
            else:
                operands.append(self.predicate(part, depth + 1))
        operands.reverse()
        return _all(operands) if kind is ast.And else _any(operands)

    def _prefix(self, node: ast.Call) -> Predicate:
        if node.func.name.lower() != "startswith":
            raise self._refuse(f"The function '{node.func.name}' is not supported.")
        name = self._name(node.args[0], "startswith")
        wanted = node.args[1]
        if not isinstance(wanted, ast.String):
            raise self._refuse(f"startswith({name}, ...) takes a string.")
        start, read = str(wanted.val).lower(), self._reader(name)

        def starts(thing: Any) -> bool:  # noqa: ANN401 - see Predicate
            value = read(thing)
            return isinstance(value, str) and value.lower().startswith(start)

        return starts

    def _comparison(self, node: ast.Compare) -> Predicate:
        if type(node.comparator) not in _COMPARE:
            raise self._refuse("The filter uses an operator that is not supported.")
        word, compare = _COMPARE[type(node.comparator)]
        name = self._name(node.left, word)
        test = _test(compare, word, self._literal(node.right, name), type_of(name))
        read = self._reader(name)
        return lambda thing: test(read(thing))

    def _reader(self, name: str) -> Reader:
        return self.readers.get(name) or partial(lookup, path=tuple(name.split("/")))

    def _name(self, node: ast._Node, word: str) -> str:
        given = _spelled(node)
        name, operators = self.names.get(given.lower(), ("", ""))
        if not name:
            raise self._refuse(f"The property '{given[:100]}' cannot be used in a filter.")
        if (operators == "E" and word not in ("eq", "ne")) or (
            word == "startswith" and operators != "S"
        ):
            raise self._refuse(f"'{word}' cannot be used with the property '{name}'.")
        return name

    def _literal(self, node: ast._Node, name: str) -> Literal:
        kind, wanted = _LITERALS.get(type(node), "expression"), type_of(name)
        if kind == "null":
            return None
        if kind != wanted:
            raise self._refuse(f"'{name}' is compared with a {kind}, but holds a {wanted}.")
        try:
            return _value(kind, str(getattr(node, "val", "")))
        except ValueError as error:
            raise self._refuse(str(error)) from error

    def _refuse(self, reason: str) -> BatchError:
        return refuse("$filter", self.text, reason)


def _all(operands: list[Predicate]) -> Predicate:
    def holds(thing: Any) -> bool:  # noqa: ANN401 - see Predicate
        for one in operands:  # noqa: SIM110 - a generator costs more than what it would run
            if not one(thing):
                return False
        return True

    return holds


def _any(operands: list[Predicate]) -> Predicate:
    def holds(thing: Any) -> bool:  # noqa: ANN401 - see Predicate
        for one in operands:  # noqa: SIM110 - as above
            if one(thing):
                return True
        return False

    return holds


def _spelled(node: ast._Node) -> str:
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.owner
    names.append(node.name if isinstance(node, ast.Identifier) else "?")
    return "/".join(reversed(names))


def _value(kind: str, text: str) -> Literal:
    if kind == "moment":
        return stamp(parse_stamp(text))
    if kind == "number":
        return float(text)
    return text.lower() == "true" if kind == "truth" else text.lower()


def _test(compare: Callable[[Any, Any], bool], word: str, wanted: Literal, kind: str) -> Test:
    """Return the test of one value; a missing value differs from every other."""
    if wanted is None:
        return lambda value: word in ("eq", "ne") and compare(value, None)
    absent = word == "ne"
    if kind == "text":
        return lambda value: compare(value.lower(), wanted) if isinstance(value, str) else absent
    if kind == "moment":
        return lambda value: compare(_moment(value), wanted) if isinstance(value, str) else absent
    return lambda value: absent if value is None else compare(value, wanted)


def _moment(text: str) -> str:
    return text if len(text) == _OWN_STAMP and text[-1] == "Z" else stamp(parse_stamp(text))
