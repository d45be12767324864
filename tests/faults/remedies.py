"""Reads a printed remedy: commands of this machine, commands of Azure, or words for a person."""

import re
import shlex
from collections.abc import Iterator

from pipeline.domain.waiting.remedies import BY_HAND

_COMMAND = re.compile(r"^(fanfare|az|azd) ")
# What stands between the commands of a line; what a person has to do comes last.
_BETWEEN = "; "


def parts(remedy: str) -> list[str]:
    """Split a remedy into its commands; words for a person stay whole."""
    before, marked, words = remedy.partition(BY_HAND)
    commands = [part for part in before.split(_BETWEEN) if part]
    return [*commands, marked + words] if marked else commands


def commands(remedy: str, program: str) -> Iterator[list[str]]:
    """Yield the argument lists of a remedy's commands of one program."""
    for part in parts(remedy):
        if part.startswith(f"{program} "):
            yield shlex.split(part)


def plain(remedy: str) -> bool:
    """Return whether a remedy is commands that a shell takes, and marked work for a person."""
    return all(
        part.startswith(BY_HAND) or (_COMMAND.match(part) and not _punctuation(part))
        for part in parts(remedy)
    )


def _punctuation(command: str) -> set[str]:
    words = shlex.shlex(command, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    return {word for word in words if not word.strip("();<>|&`")}
