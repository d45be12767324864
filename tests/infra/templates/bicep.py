"""Reads Bicep files as plain values: what tree-sitter parses, without any evaluation.

Objects are dicts, arrays lists, literals themselves; everything else stays an `Expression`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import tree_sitter
import tree_sitter_bicep
from tree_sitter import Node

_PARSER = tree_sitter.Parser(tree_sitter.Language(tree_sitter_bicep.language()))


@dataclass(frozen=True)
class Expression:
    """Something that only a deployment evaluates; `options` are its known possible values."""

    text: str
    options: tuple = ()


@dataclass(frozen=True)
class Declaration:
    """A resource or module: its symbol, its type, its body, and its modifiers."""

    symbol: str
    what: str
    body: dict
    line: int
    existing: bool = False
    decorators: tuple[str, ...] = ()


@dataclass
class File:
    """The declarations of one file."""

    path: Path
    errors: list[str] = field(default_factory=list)
    parameters: dict[str, bool] = field(default_factory=dict)  # whether a value is required
    variables: dict[str, object] = field(default_factory=dict)
    resources: dict[str, Declaration] = field(default_factory=dict)
    modules: dict[str, Declaration] = field(default_factory=dict)
    types: set[str] = field(default_factory=set)  # declared or imported
    imports: set[str] = field(default_factory=set)  # paths of files
    outputs: dict[str, object] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    bound: set[str] = field(default_factory=set)  # variables of loops and lambdas
    called: set[str] = field(default_factory=set)
    read_outputs: set[tuple[str, str]] = field(default_factory=set)

    @property
    def declared(self) -> set[str]:
        return {*self.parameters, *self.variables, *self.resources, *self.modules, *self.types}


@cache
def load(path: Path) -> File:
    return parse(path.read_text("utf-8"), path)


def parse(source: str, path: Path = Path("main.bicep")) -> File:
    root = _PARSER.parse(source.encode()).root_node
    file = File(path, errors=[_place(path, node) for node in _walk(root) if _is_error(node)])
    decorators: tuple[str, ...] = ()
    for node in root.named_children:
        if node.type == "decorators":
            decorators = tuple(_text(child).removeprefix("@") for child in node.named_children)
            continue
        if node.type in _READERS:
            _READERS[node.type](file, node, decorators)
        _note_names(file, node)
        decorators = ()
    return file


def _is_error(node: Node) -> bool:
    return node.type == "ERROR" or node.is_missing


def _place(path: Path, node: Node) -> str:
    return f"{path.name}:{node.start_point.row + 1}: {_text(node)[:60]!r}"


def _walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from _walk(child)


def _text(node: Node) -> str:
    return node.text.decode()


def _parameter(file: File, node: Node, _decorators: tuple[str, ...]) -> None:
    name, _kind, *default = node.named_children
    file.parameters[_text(name)] = not default


def _variable(file: File, node: Node, _decorators: tuple[str, ...]) -> None:
    name, value = node.named_children[0], node.named_children[-1]
    file.variables[_text(name)] = value_of(value)


def _output(file: File, node: Node, _decorators: tuple[str, ...]) -> None:
    name, value = node.named_children[0], node.named_children[-1]
    file.outputs[_text(name)] = value_of(value)


def _resource(file: File, node: Node, decorators: tuple[str, ...]) -> None:
    found = _declaration(node, decorators)
    file.resources[found.symbol] = found


def _module(file: File, node: Node, decorators: tuple[str, ...]) -> None:
    found = _declaration(node, decorators)
    file.modules[found.symbol] = found


def _type(file: File, node: Node, _decorators: tuple[str, ...]) -> None:
    file.types.add(_text(node.named_children[0]))


def _import(file: File, node: Node, _decorators: tuple[str, ...]) -> None:
    *names, path = node.named_children
    file.types |= {_text(name) for name in names}
    file.imports.add(str(value_of(path)))


_READERS = {
    "import_functionality": _import,
    "type_declaration": _type,
    "parameter_declaration": _parameter,
    "variable_declaration": _variable,
    "output_declaration": _output,
    "resource_declaration": _resource,
    "module_declaration": _module,
}


def _declaration(node: Node, decorators: tuple[str, ...]) -> Declaration:
    name, what, *_ = node.named_children
    body = value_of(_body(node.named_children[-1]))
    existing = any(child.type == "existing" for child in node.children)
    line = node.start_point.row + 1
    assert isinstance(body, dict)
    return Declaration(_text(name), str(value_of(what)), body, line, existing, decorators)


def _body(node: Node) -> Node:
    """Return the body inside a loop and a condition."""
    while node.type in ("for_statement", "if_statement"):
        node = node.named_children[-1]
    return node


def value_of(node: Node) -> object:
    read = _VALUES.get(node.type)
    return read(node) if read else Expression(_text(node))


def _object(node: Node) -> object:
    pairs = [child.named_children for child in _items(node)]
    return {_key(pair[0]): value_of(pair[-1]) for pair in pairs}


def _items(node: Node) -> list[Node]:
    return [
        child
        for child in node.named_children
        if child.type not in ("comment", "diagnostic_comment")
    ]


def _string(node: Node) -> object:
    parts = node.named_children
    plain = all(part.type == "string_content" for part in parts)
    return "".join(_text(part) for part in parts) if plain else Expression(_text(node))


def _either(node: Node) -> object:
    _, yes, no = node.named_children
    return Expression(_text(node), (value_of(yes), value_of(no)))


_VALUES: dict[str, Callable[[Node], object]] = {
    "object": _object,
    "array": lambda node: [value_of(child) for child in _items(node)],
    "number": lambda node: int(_text(node)),
    "boolean": lambda node: _text(node) == "true",
    "null": lambda _node: None,
    "string": _string,
    "parenthesized_expression": lambda node: value_of(node.named_children[0]),
    "ternary_expression": _either,
    "for_statement": lambda node: Expression(_text(node), ([value_of(_body(node))],)),
}


def _key(node: Node) -> str:
    value = value_of(node) if node.type == "string" else _text(node)
    return value if isinstance(value, str) else _text(node)


def _note_names(file: File, node: Node) -> None:
    """Note the names that expressions use, except keys and names after a dot."""
    file.bound |= {
        _text(n) for n in _walk(node) if n.type in ("loop_variable", "loop_enumerator")
    } | {
        _text(n.named_children[0])
        for n in _walk(node)
        if n.type in ("for_statement", "lambda_expression")
    }
    for found in _walk(node):
        if found.type == "identifier" and not _names_something(found):
            if _decorates(found.parent):
                continue
            call = found.parent.type == "call_expression" and found.parent.children[0] == found
            (file.called if call else file.used).add(_text(found))
        if found.type == "member_expression":
            parts = _text(found).replace(".?", ".").split(".")
            if len(parts) == 3 and parts[1] == "outputs":
                file.read_outputs.add((parts[0], parts[2]))


def _decorates(node: Node) -> bool:
    return node.type == "call_expression" and node.parent.type == "decorator"


def _names_something(node: Node) -> bool:
    parent = node.parent
    first = parent.named_children[0] == node
    return first and (parent.type == "object_property" or parent.type.endswith("_declaration"))
