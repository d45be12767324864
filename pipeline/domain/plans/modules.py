"""Finds which other files of task_scripts/ a program imports, so that nodes get them with it.

Pure: nothing is executed. A module of the standard library is never one of these files.
"""

import ast
import sys
from collections.abc import Iterator, Mapping


def imported(program: str, files: Mapping[str, bytes]) -> list[str]:
    """Return the names of the files that a program imports, directly or through another."""
    found: list[str] = []
    pending = [program]
    while pending:
        for name in _named(files.get(pending.pop(), b"")):
            file = f"{name}.py"
            if file in files and file not in {program, *found} and not _is_library(name):
                found.append(file)
                pending.append(file)
    return sorted(found)


def _named(source: bytes) -> Iterator[str]:
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return  # such a program fails on the node, with Python's own words
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _is_library(name: str) -> bool:
    return name in sys.stdlib_module_names
