"""Reads a printed remedy: commands of this machine, commands of Azure, or words for a person."""

import shlex
from collections.abc import Iterator

BY_HAND = "by hand: "
# Where the program stops to read: a remedy has one command, or several after one another.
_BETWEEN = "; "


def parts(remedy: str) -> list[str]:
    """Split a remedy into its commands; words for a person stay whole."""
    if not remedy or remedy.startswith(BY_HAND):
        return [remedy] if remedy else []
    return remedy.split(_BETWEEN)


def commands(remedy: str, program: str) -> Iterator[list[str]]:
    """Yield the argument lists of a remedy's commands of one program."""
    for part in parts(remedy):
        if part.startswith(f"{program} "):
            yield shlex.split(part)
