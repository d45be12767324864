"""$filter: parsed once into a predicate over documents."""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

from lark import Lark, Token, Tree
from lark.exceptions import LarkError

from emulators.batch.document import Doc, parse_stamp
from emulators.batch.errors import BatchError

type Predicate = Callable[[Doc], bool]
type Literal = str | int | float | bool | datetime | None

_GRAMMAR = r"""
    ?start: either
    ?either: both (/or\b/i both)*    -> any_of
    ?both: term (/and\b/i term)*     -> all_of
    ?term: "(" either ")"
         | /not\b/i term             -> negation
         | "startswith" "(" PATH "," STRING ")" -> prefix
         | PATH OPERATOR literal     -> comparison
    literal: MOMENT | STRING | NUMBER | WORD
    OPERATOR.3: /(eq|ne|gt|ge|lt|le)\b/i
    MOMENT.3: /datetime'[^']*'/i
    STRING: /'(?:[^']|'')*'/
    NUMBER: /-?\d+(\.\d+)?/
    WORD.2: /(true|false|null)\b/i
    PATH: /[A-Za-z_]\w*(\/[A-Za-z_]\w*)*/
    %ignore /\s+/
"""
_PARSER = Lark(_GRAMMAR, parser="earley", maybe_placeholders=False)
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "ne": operator.ne,
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


def refuse(name: str, value: str, reason: str) -> BatchError:
    """Build the refusal of a query parameter."""
    return BatchError(
        "InvalidQueryParameterValue",
        QueryParameterName=name,
        QueryParameterValue=value[:200],
        Reason=reason,
    )


def compile_filter(text: str, allowed: frozenset[str]) -> Predicate:
    """Return the predicate of a filter; unknown properties and bad syntax are refused."""
    try:
        return _compile(text, allowed)
    except LarkError as error:
        raise refuse("$filter", text, "The filter cannot be parsed.") from error


@lru_cache(maxsize=128)
def _compile(text: str, allowed: frozenset[str]) -> Predicate:
    return _predicate(_PARSER.parse(text), text, {name.lower(): name for name in allowed})


def _predicate(node: object, text: str, names: Mapping[str, str]) -> Predicate:
    if not isinstance(node, Tree):
        raise refuse("$filter", text, "The filter is incomplete.")
    parts = [
        _predicate(child, text, names)
        for child in node.children
        if isinstance(child, Tree) and _is_term(child)
    ]
    match str(node.data):
        case "any_of":
            return (
                parts[0]
                if len(parts) == 1
                else lambda document: any(part(document) for part in parts)
            )
        case "all_of":
            return (
                parts[0]
                if len(parts) == 1
                else lambda document: all(part(document) for part in parts)
            )
        case "negation":
            return lambda document: not parts[0](document)
        case "prefix":
            return _prefix(node, text, names)
    return _comparison(node, text, names)


def _is_term(node: Tree[Token]) -> bool:
    return node.data != "literal"


def _prefix(node: Tree[Token], text: str, names: Mapping[str, str]) -> Predicate:
    path, wanted = _path(node.children[0], text, names), _literal(node.children[1], text)

    def starts(document: Doc) -> bool:
        value = lookup(document, path)
        return isinstance(value, str) and value.lower().startswith(str(wanted).lower())

    return starts


def _comparison(node: Tree[Token], text: str, names: Mapping[str, str]) -> Predicate:
    left, sign, right = node.children
    path, name = _path(left, text, names), str(sign).lower()
    wanted = _literal(right.children[0] if isinstance(right, Tree) else right, text)
    compare = _COMPARE[name]

    def holds(document: Doc) -> bool:
        value = _like(lookup(document, path), wanted)
        if value is None or wanted is None:
            return compare(value, wanted) if name in ("eq", "ne") else False
        try:
            return compare(value, wanted)
        except TypeError:
            return False

    return holds


def _path(token: object, text: str, names: Mapping[str, str]) -> tuple[str, ...]:
    found = names.get(str(token).lower())
    if found is None:
        raise refuse("$filter", text, f"The property '{token}' cannot be used in a filter.")
    return tuple(found.split("/"))


def _literal(token: object, text: str) -> Literal:
    value = str(token)
    if value.lower().startswith("datetime'"):
        try:
            return parse_stamp(value[9:-1])
        except ValueError as error:
            raise refuse("$filter", text, "The DateTime literal is malformed.") from error
    if value.startswith("'"):
        return value[1:-1].replace("''", "'").lower()
    words: Mapping[str, Literal] = {"true": True, "false": False, "null": None}
    return words[value.lower()] if value.lower() in words else float(value)


def _like(value: object, wanted: Literal) -> object:
    if isinstance(wanted, datetime) and isinstance(value, str):
        return parse_stamp(value)
    return value.lower() if isinstance(value, str) else value


def lookup(document: Doc, path: tuple[str, ...]) -> object:
    """Follow a property path; None where it ends early."""
    found: object = document
    for name in path:
        if not isinstance(found, dict):
            return None
        found = found.get(name)
    return found
