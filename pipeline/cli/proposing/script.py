"""What a script tells of itself: what runs it, its arguments, and the packages that it needs."""

import ast
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.cli.proposing.packages import neighbours_of, packages_of
from pipeline.cli.proposing.uses import WRAPPERS, Use, assigned, called, use_of

_INPUTS = re.compile(r"in|input|src|source|file|filename|image|photo|picture|video|pdf|csv|doc")
_LINES = re.compile(r"line|row|record|word|name|key|number|text|url")
_OUTPUTS = re.compile(r"out|output|dst|dest|destination|target|result|results|folder|dir")


class Role(StrEnum):
    """What an argument stands for."""

    INPUT = "input"
    LINE = "line"
    OUTPUT = "output"
    OTHER = "other"


@dataclass(frozen=True)
class Argument:
    """An argument that a script needs; `option` comes before its value if there is one."""

    name: str
    role: Role
    use: Use = field(default_factory=Use)
    option: str = ""


@dataclass(frozen=True)
class Script:
    """What is known of a script; `unclear` says what could not be found out.

    `neighbours` are modules beside it that it imports.
    """

    arguments: tuple[Argument, ...]
    packages: tuple[str, ...] = ()
    unclear: str = ""
    neighbours: tuple[str, ...] = ()

    def of_role(self, role: Role) -> Argument | None:
        """Return the first argument of a role."""
        return next((one for one in self.arguments if one.role is role), None)


def python_script(text: str | bytes, beside: Collection[str] = ()) -> Script:
    """Read a Python script; modules `beside` it are its own. Raises SyntaxError.

    Bytes are decoded as Python does, by a byte order mark or a comment that names the encoding.
    """
    tree = ast.parse(text)
    found = _of_argparse(tree) or _of_argv(tree)
    packages, neighbours = packages_of(tree, beside), neighbours_of(tree, beside)
    unclear = "" if found else "it reads no arguments by sys.argv or argparse"
    return Script(tuple(_with_roles(found)), packages, unclear, neighbours)


def shell_script(text: str) -> Script:
    """Read a shell script by the positional parameters that it uses."""
    numbers = {int(found) for found in re.findall(r"\$\{?([1-9])", text)}
    if not numbers:
        return Script((), unclear="it uses no positional parameter such as $1")
    return Script(tuple(_with_roles([_numbered(n, text) for n in range(1, max(numbers) + 1)])))


def _numbered(number: int, text: str) -> Argument:
    """Return a positional parameter; one that begins a path is a folder."""
    folder = re.search(rf'\$\{{?{number}\}}?"?/', text)
    return Argument(str(number), Role.OTHER, Use(is_folder=bool(folder)))


def _of_argparse(tree: ast.Module) -> list[Argument]:
    """Read the arguments that a script declares and needs."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Attribute(attr="add_argument"), args=[*names]):
                texts = [one.value for one in names if isinstance(one, ast.Constant)]
                flags = [one for one in texts if isinstance(one, str)]
                if flags and (argument := _declared(tree, flags, node)):
                    found.append(argument)
    return sorted(found, key=lambda one: bool(one.option))


def _declared(tree: ast.Module, flags: list[str], node: ast.Call) -> Argument | None:
    keywords = {key.arg: key.value for key in node.keywords}
    longest = max(flags, key=len)
    name = longest.lstrip("-").replace("-", "_")
    if isinstance(given := keywords.get("dest"), ast.Constant):
        name = str(given.value)
    use = use_of(tree, f".{name}")
    if not longest.startswith("-"):
        nargs = keywords.get("nargs")
        optional = isinstance(nargs, ast.Constant) and nargs.value in ("?", "*")
        return None if optional else Argument(name, Role.OTHER, use)
    required = isinstance(value := keywords.get("required"), ast.Constant) and value.value is True
    takes_value = "action" not in keywords
    if takes_value and (required or _OUTPUTS.search(name.lower())):
        return Argument(name, Role.OTHER, use, longest)
    return None


def _of_argv(tree: ast.Module) -> list[Argument]:
    """Read the arguments that a script takes from `sys.argv`, or from a parameter `argv`."""
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Tuple(elts=names) | ast.List(elts=names)], value=value):
                if _is_argv(value):
                    variables = [one.id for one in names if isinstance(one, ast.Name)]
                    own = variables[1:] if _is_whole(value) else variables
                    return [Argument(name, Role.OTHER, use_of(tree, name)) for name in own]
    return _of_numbers(tree)


def _of_numbers(tree: ast.Module) -> list[Argument]:
    """Read the arguments that a script takes by their numbers: `sys.argv[1]`."""
    found: dict[int, ast.expr] = {}
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(value=value, slice=ast.Constant(value=int(number))):
                if number > 0 and _is_whole(value):
                    found.setdefault(number, node)
    return [
        Argument(_variable(tree, node) or str(number), Role.OTHER, use_of(tree, node))
        for number, node in sorted(found.items())
    ]


def _variable(tree: ast.Module, argument: ast.expr) -> str:
    """Return the name of the variable that an argument is put into, perhaps as a path."""
    wanted = ast.dump(argument)
    for name, value in assigned(tree):
        if ast.dump(_unwrapped(value)) == wanted:
            return name
    return ""


def _unwrapped(value: ast.expr) -> ast.expr:
    match value:
        case ast.Call(func=function, args=[inner]) if called(function) in WRAPPERS:
            return inner
    return value


def _is_whole(node: ast.expr) -> bool:
    """Return whether an expression is all of `sys.argv`, the script's own name included."""
    match node:
        case ast.Attribute(value=ast.Name(id="sys"), attr="argv"):
            return True
    return False


def _is_argv(node: ast.expr) -> bool:
    match node:
        case ast.Subscript(value=value, slice=ast.Slice()):
            return _is_argv(value)
        case ast.Name(id="argv") | ast.Attribute(value=ast.Name(id="sys"), attr="argv"):
            return True
    return False


def _with_roles(arguments: list[Argument]) -> list[Argument]:
    """Give each argument a role, by how it is used, by its name, and at last by its place."""
    roles = [_role(one) for one in arguments]
    if Role.OUTPUT not in roles and Role.OTHER in roles[1:]:
        last = len(roles) - 1 - roles[::-1].index(Role.OTHER)
        roles[last] = Role.OUTPUT
    if not {Role.INPUT, Role.LINE} & set(roles) and Role.OTHER in roles:
        roles[roles.index(Role.OTHER)] = Role.INPUT
    return [
        Argument(one.name, role, one.use, one.option)
        for one, role in zip(arguments, roles, strict=True)
    ]


def _role(argument: Argument) -> Role:
    name, use = argument.name.lower(), argument.use
    if use.writes_file or (use.is_folder and not use.reads_file) or _OUTPUTS.match(name):
        return Role.OUTPUT
    if use.reads_file:
        return Role.INPUT
    if _LINES.fullmatch(name):
        return Role.LINE
    if _INPUTS.match(name) or _INPUTS.fullmatch(name.rpartition("_")[2]):
        return Role.INPUT
    return Role.OTHER
