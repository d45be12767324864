"""Computes a digest of the app's files, to notice a stack that runs an older app."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

_ENGINE = ("function_app.py", "host.json", "pipeline", "task_scripts/runtime", "infra")
_PROJECT = ("pipelines", "pools", "task_scripts")
_SUFFIXES = frozenset({".py", ".json", ".yaml", ".txt"})
_NOT_THE_APP = "cli"


def app_stamp(app_root: Path, definitions: Path, more: str) -> str:
    """Return a digest that changes with any file of the app or its definitions, or with `more`."""
    digest = hashlib.sha256(more.encode())
    for path in sorted({*_files(app_root, _ENGINE), *_files(definitions, _PROJECT)}):
        facts = path.stat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _files(root: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    for name in parts:
        part = root / name
        for path in [part] if part.is_file() else part.rglob("*"):
            if path.suffix in _SUFFIXES and _NOT_THE_APP not in path.relative_to(root).parts:
                yield path
