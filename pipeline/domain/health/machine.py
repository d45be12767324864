"""Judges this machine: its definitions, its local stack, and the disk below it."""

from pipeline.domain.health.findings import Finding, Level
from pipeline.domain.waiting.remedies import BY_HAND

_MEGABYTE = 1 << 20
_FULL, _SCARCE = 64 * _MEGABYTE, 512 * _MEGABYTE


def definitions(said: str) -> Finding:
    """Judge definitions that cannot be used; nothing else can be checked without them."""
    why = "nothing can be checked without them, and nothing started"
    mend = f"{BY_HAND}correct the files, then fanfare doctor"
    return Finding("definitions", Level.FAULT, said, why, mend)


def stack_down(said: str, mend: str) -> Finding:
    """Judge a local stack that does not run."""
    why = "nothing works without it; its data is kept"
    return Finding("local stack", Level.UNREACHABLE, said, why, mend)


def disk(free: int, folder: str) -> Finding:
    """Judge the space that a local stack has left; in bytes."""
    what = f"{free // _MEGABYTE} MB are free"
    if free >= _SCARCE:
        return Finding("disk", Level.OK, what)
    why = "without space, services of the local stack refuse writes, and tasks fail"
    mend = f"{BY_HAND}free space on the file system of {folder}"
    level = Level.FAULT if free < _FULL else Level.NOTE
    return Finding("disk", level, what, why, mend)
