"""Notices changed files by their names, sizes and times, without reading them."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

DEFINITIONS = ("pipelines", "pools", "task_scripts")
_COMPILED = "__pycache__"

# Size, time of the last change in nanoseconds, and mode of each file, by its path below the root.
type Facts = Mapping[str, tuple[int, int, int]]


def facts_of(root: Path, parts: Sequence[str] = DEFINITIONS) -> Facts:
    """Return what tells versions of the files in parts of a folder apart; parts may be absent."""
    found = {}
    for path in files_of(root, parts):
        try:
            facts = path.stat()
        except FileNotFoundError:  # deleted a moment ago
            continue
        name = path.relative_to(root).as_posix()
        found[name] = (facts.st_size, facts.st_mtime_ns, facts.st_mode)
    return found


def stamp(root: Path, parts: Sequence[str] = DEFINITIONS) -> str:
    """Return a digest that changes with any file of parts of a folder."""
    return hashlib.sha256(repr(facts_of(root, parts)).encode()).hexdigest()


def changed(before: Facts, after: Facts) -> list[str]:
    """Name the files that were added, changed or deleted, in order."""
    names = {*before, *after}
    return sorted(name for name in names if before.get(name) != after.get(name))


def files_of(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield files in order, without hidden ones, which editors write beside those they change."""
    for name in parts:
        part = root / name
        for path in [part] if part.is_file() else sorted(part.rglob("*")):
            inner = path.relative_to(root).parts
            if path.is_file() and not any(one[0] == "." or one == _COMPILED for one in inner):
                yield path
