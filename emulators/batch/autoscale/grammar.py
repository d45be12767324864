"""Parses formulas into trees, and says where in the text each part stands.

Chains of one precedence are flat, so only parentheses, calls and arms of a choice nest. The parser
bounds their depth, and so the recursion of every function that walks the tree.
"""

from collections.abc import Sequence
from functools import cache, lru_cache

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

MAX_LENGTH = 8192
MAX_STATEMENTS = 100
MAX_DEPTH = 100

_GRAMMAR = r"""
    start: (statement? ";")* statement?
    ?statement: NAME "=" expr -> assign
              | expr          -> bare
    ?expr: either
         | either "?" expr ":" expr -> choose
    ?either: both | both ("||" both)+ -> logic_or
    ?both: equality | equality ("&&" equality)+ -> logic_and
    ?equality: relation | relation (EQUAL relation)+ -> chain
    ?relation: sum | sum (RELATION sum)+ -> chain
    ?sum: product | product ((PLUS | MINUS) product)+ -> chain
    ?product: unary | unary (FACTOR unary)+ -> chain
    ?unary: postfix | (MINUS | NOT)+ postfix -> prefix
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
    PLUS: "+"
    MINUS: "-"
    NOT: "!"
    FACTOR: "*" | "/"
    NAME: /[$A-Za-z_][A-Za-z0-9_]*/
    NUMBER: /([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
    STRING: /"[^"\n]*"/
    %ignore /\s+/
    %ignore /\/\/[^\n]*/
"""

type Expression = Tree[Token]


@cache
def _parser() -> Lark:
    """Build the parser for the first formula; each start of an emulator would take 40 ms more."""
    return Lark(_GRAMMAR, parser="lalr", propagate_positions=True, maybe_placeholders=False)


class FormulaSyntaxError(Exception):
    """The text is not a formula; the error says where."""

    code = "AutoScalingFormulaSyntaxError"


class FormulaTooLong(Exception):
    """The text is longer than the service accepts."""

    code = "AutoScalingFormulaTooLong"


@lru_cache(maxsize=256)
def parse(text: str, *, exponents: bool = True) -> Sequence[Expression]:
    """Return the statements of a formula; raises FormulaSyntaxError or FormulaTooLong."""
    if len(text) > MAX_LENGTH:
        raise FormulaTooLong(f"{len(text)} characters, {MAX_LENGTH} are allowed")
    try:
        tree = _parser().parse(text)
    except UnexpectedInput as error:
        raise _wrong(*_end_or(error, text), "syntax error") from error
    statements = [child for child in tree.children if isinstance(child, Tree)]
    if len(statements) > MAX_STATEMENTS:
        raise FormulaTooLong(f"{len(statements)} statements, {MAX_STATEMENTS} are allowed")
    for statement in statements:
        _check(statement, exponents)
    return statements


def _end_or(error: UnexpectedInput, text: str) -> tuple[int, int]:
    """Return the place of an error, or the end of the text if something is missing there."""
    line, column = getattr(error, "line", -1), getattr(error, "column", -1)
    if isinstance(line, int) and isinstance(column, int) and line > 0 and column > 0:
        return line, column
    return text.count("\n") + 1, len(text) - text.rfind("\n")


def _wrong(line: int, column: int, words: str) -> FormulaSyntaxError:
    return FormulaSyntaxError(f"Line {line}, Col {column}: {words}")


def _check(statement: Expression, exponents: bool) -> None:
    """Refuse a formula that nests too deeply, and exponents if the dialect has none."""
    waiting: list[tuple[Expression, int]] = [(statement, 0)]
    while waiting:
        node, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise _wrong(node.meta.line, node.meta.column, "nested too deeply")
        number = str(node.children[0]) if node.data == "number" else ""
        if not exponents and "e" in number.lower():
            raise _wrong(node.meta.line, node.meta.column, "syntax error")
        kids = [child for child in node.children if isinstance(child, Tree)]
        # The last arm of a choice continues it, so a function that walks the tree handles it in a
        # loop.
        tail = 0 if node.data == "choose" else 1
        waiting += [(child, depth + 1) for child in kids[:-1]]
        waiting += [(child, depth + tail) for child in kids[-1:]]
