"""Formulas as trees: what is a formula at all, and where in the text each part stands."""

from collections.abc import Sequence
from functools import lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

MAX_LENGTH = 8192
MAX_STATEMENTS = 100

_GRAMMAR = r"""
    start: (statement? ";")* statement?
    ?statement: NAME "=" expr -> assign
              | expr          -> bare
    ?expr: either
         | either "?" expr ":" expr -> choose
    ?either: both | either "||" both -> logic_or
    ?both: equality | both "&&" equality -> logic_and
    ?equality: relation | equality EQUAL relation -> compare
    ?relation: sum | relation RELATION sum -> compare
    ?sum: product | sum SIGN product -> arithmetic
    ?product: unary | product FACTOR unary -> arithmetic
    ?unary: SIGN unary -> negate
          | "!" unary -> invert
          | postfix
    ?postfix: primary
            | postfix "." NAME arguments -> method
            | postfix "." NAME           -> member
    ?primary: NUMBER -> number
            | STRING -> string
            | NAME arguments -> call
            | NAME -> name
            | "(" expr ")"
    arguments: "(" [expr ("," expr)*] ")"
    EQUAL: "==" | "!="
    RELATION: "<=" | ">=" | "<" | ">"
    SIGN: "+" | "-"
    FACTOR: "*" | "/"
    NAME: /[$A-Za-z_][A-Za-z0-9_]*/
    NUMBER: /(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?/
    STRING: /"[^"]*"/
    %ignore /\s+/
    %ignore /\/\/[^\n]*/
"""

type Expression = Tree[Token]
_PARSER = Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


class FormulaSyntaxError(Exception):
    """The text is no formula; says where."""


class FormulaTooLong(Exception):
    """The text exceeds what the service takes."""


@lru_cache(maxsize=256)
def parse(text: str) -> Sequence[Expression]:
    """Return the statements of a formula; raises FormulaSyntaxError or FormulaTooLong."""
    if len(text) > MAX_LENGTH:
        raise FormulaTooLong(f"{len(text)} characters, {MAX_LENGTH} are allowed")
    try:
        tree = _PARSER.parse(text)
    except (UnexpectedInput, RecursionError) as error:
        line, column = getattr(error, "line", 1), getattr(error, "column", 1)
        raise FormulaSyntaxError(f"Line {line}, Col {column}: syntax error") from error
    statements = [child for child in tree.children if isinstance(child, Tree)]
    if len(statements) > MAX_STATEMENTS:
        raise FormulaTooLong(f"{len(statements)} statements, {MAX_STATEMENTS} are allowed")
    return statements
