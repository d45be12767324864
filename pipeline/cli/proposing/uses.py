"""How a Python script uses one of its arguments: as a file or as a folder, and what it reads."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

WRAPPERS = frozenset({"Path", "PurePath", "str", "fspath", "abspath", "realpath", "expanduser"})
_JOINS = frozenset({"join", "joinpath"})
_MAKES_FOLDERS = frozenset({"makedirs", "mkdir"})
# Calls that write the file that they are given, and the ending that it then has.
_WRITERS = {
    "to_csv": ".csv", "to_json": ".json", "to_excel": ".xlsx", "to_parquet": ".parquet",
    "savefig": ".png", "save": "", "imwrite": "", "imsave": "", "write_text": "", "write_bytes": "",
    "copy": "", "copyfile": "", "savez": ".npz", "savetxt": ".txt",
}  # fmt: skip
# Calls that read the file that they are given, and what it is.
_READERS = {
    "read_csv": "table", "read_table": "table", "read_excel": "file", "read_parquet": "file",
    "imread": "file", "read_text": "file", "read_bytes": "file", "load": "file", "loadtxt": "file",
    "PdfReader": "file", "Document": "file",
}  # fmt: skip


@dataclass(frozen=True)
class Use:
    """What a script does with one argument.

    `names` are those of files that it writes into the argument as a folder.
    """

    reads_file: bool = False
    reads_table: bool = False
    writes_file: bool = False
    is_folder: bool = False
    ending: str = ""
    names: tuple[str, ...] = ()


def use_of(tree: ast.Module, argument: ast.expr | str) -> Use:
    """Return how a script uses an argument, which is an expression or the name of a variable."""
    references = _References(tree, argument)
    found = Use()
    for node in ast.walk(tree):
        for more in _told(node, references):
            found = _joined(found, more)
    return found


def assigned(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    """Yield each variable with what is put into it, also in pairs: `a, b = c, d`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield name, value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name):
                        yield one.id, value


class _References:
    """Expressions that mean the same path: the argument, and variables that it was put into."""

    def __init__(self, tree: ast.Module, argument: ast.expr | str) -> None:
        known = argument if isinstance(argument, str) else ast.dump(argument)
        self._known = {known}
        pairs = list(assigned(tree))
        for _ in pairs:  # a variable may be put into another one
            self._known |= {name for name, value in pairs if value in self}

    def __contains__(self, node: object) -> bool:
        match node:
            case ast.Name(id=name):
                return name in self._known
            case ast.Attribute(value=ast.Name(), attr=name) if f".{name}" in self._known:
                return True
            case ast.Call(func=function, args=[only]) if called(function) in WRAPPERS:
                return only in self
            case ast.expr():
                return ast.dump(node) in self._known
        return False


def _told(node: ast.AST, references: _References) -> Iterator[Use]:
    """Yield what one expression tells."""
    match node:
        case ast.BinOp(left=left, op=ast.Div(), right=right) if left in references:
            yield Use(is_folder=True, names=_constant(right))
        case ast.JoinedStr(values=[ast.FormattedValue(value=first), ast.Constant(value=rest), *_]):
            if first in references and str(rest).startswith("/"):
                yield Use(is_folder=True, names=_named(str(rest)[1:]))
        case ast.Call(func=ast.Attribute(value=owner, attr=name)) if owner in references:
            yield from _method(name, node)
        case ast.Call(func=function, args=[first, *rest]) if first in references:
            yield from _call(called(function), rest, node)
        case ast.Call(func=function, args=[_, second, *_]) if second in references:
            if called(function) in ("copy", "copyfile", "imwrite", "move"):
                yield Use(writes_file=True)


def _method(name: str, node: ast.Call) -> Iterator[Use]:
    if name in _JOINS:
        yield Use(is_folder=True, names=_constant(node.args[0]) if node.args else ())
    elif name in _MAKES_FOLDERS:
        yield Use(is_folder=True)
    elif name == "open":
        yield Use(writes_file=_is_writing(node.args), reads_file=not _is_writing(node.args))
    elif name in _WRITERS:
        yield Use(writes_file=True)
    elif name in _READERS:
        yield Use(reads_file=True)


def _call(name: str, rest: list[ast.expr], node: ast.Call) -> Iterator[Use]:
    if name in WRAPPERS | _JOINS and rest:
        yield Use(is_folder=True, names=_constant(rest[0]))
    elif name in _MAKES_FOLDERS:
        yield Use(is_folder=True)
    elif name == "open":
        modes = [*rest, *(key.value for key in node.keywords if key.arg == "mode")]
        writing = _is_writing(modes)
        yield Use(writes_file=writing, reads_file=not writing)
    elif name in _WRITERS:
        yield Use(writes_file=True, ending=_WRITERS[name])
    elif name in _READERS:
        yield Use(reads_file=True, reads_table=_READERS[name] == "table")


def _is_writing(modes: list[ast.expr]) -> bool:
    return any(isinstance(one, ast.Constant) and str(one.value)[:1] in "wxa" for one in modes)


def _constant(node: ast.expr) -> tuple[str, ...]:
    return _named(node.value) if isinstance(node, ast.Constant) else ()


def _named(text: object) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) and PurePosixPath(text).suffix else ()


def called(function: ast.expr) -> str:
    """Return the last name of what is called."""
    match function:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _joined(one: Use, other: Use) -> Use:
    return Use(
        one.reads_file or other.reads_file,
        one.reads_table or other.reads_table,
        one.writes_file or other.writes_file,
        one.is_folder or other.is_folder,
        one.ending or other.ending,
        (*one.names, *other.names),
    )
