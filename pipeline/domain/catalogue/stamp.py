"""Notices changed files by their names, sizes and times, without reading them."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

DEFINITIONS = ("pipelines", "pools", "task_scripts")
_COMPILED = "__pycache__"


def stamp(root: Path, parts: Sequence[str] = DEFINITIONS) -> str:
    """Return a digest that changes with any file of parts of a folder; parts may be absent."""
    digest = hashlib.sha256()
    for path in _files(root, parts):
        try:
            facts = path.stat()
        except FileNotFoundError:  # deleted a moment ago
            continue
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns} {facts.st_mode}\n".encode())
    return digest.hexdigest()


def _files(root: Path, parts: Sequence[str]) -> Iterator[Path]:
    """Yield files in order, without hidden ones, which editors write beside those they change."""
    for name in parts:
        part = root / name
        for path in [part] if part.is_file() else sorted(part.rglob("*")):
            inner = path.relative_to(root).parts
            if path.is_file() and not any(one[0] == "." or one == _COMPILED for one in inner):
                yield path
