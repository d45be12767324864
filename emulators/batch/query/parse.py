"""Parses $filter into a tree with the grammar of odata-query and the literals of the service."""

import re

from odata_query import ast
from odata_query.exceptions import ODataException
from odata_query.grammar import ODataLexer, ODataParser

from emulators.batch.document import parse_stamp
from emulators.batch.query.parameters import refuse

_MOST_CHARACTERS = 8192
# Quoted strings are skipped first, so that what looks like a literal inside one stays text.
_LITERAL = re.compile(r"'(?:[^']|'')*'|\bdatetime'([^']*)'", re.IGNORECASE)
_NOT = re.compile(r"'(?:[^']|'')*'|\bnot\(", re.IGNORECASE)


class _Lexer(ODataLexer):
    """The lexer of odata-query, except that a property may begin with `all` or `any`, as
    allocationState does."""

    tokens = ODataLexer.tokens
    # In sly a token may be a pattern as well as a function.
    ALL = r"all(?=\s*\()"  # type: ignore[assignment]
    ANY = r"any(?=\s*\()"  # type: ignore[assignment]


def parse_filter(text: str) -> ast._Node:
    """Return the tree of a filter, or refuse it."""
    if len(text) > _MOST_CHARACTERS:
        raise refuse("$filter", text, f"The filter is longer than {_MOST_CHARACTERS} characters.")
    plain = _NOT.sub(lambda found: "not (" if found[0][0] != "'" else found[0], text.strip())
    try:
        plain = _LITERAL.sub(_bare, plain)
        tree: ast._Node = ODataParser().parse(_Lexer().tokenize(plain))
    except (ODataException, ValueError) as error:
        raise refuse("$filter", text, f"The filter cannot be parsed: {error}"[:300]) from error
    return tree


def _bare(found: re.Match[str]) -> str:
    """Turn the service's DateTime'...' into the bare literal of the grammar."""
    if found[1] is None:
        return found[0]
    return parse_stamp(found[1]).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
