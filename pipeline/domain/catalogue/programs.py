"""Programs of task_scripts/: a Python file, a file that says what runs it, or a folder with both.

A folder is deployed as one archive. The same files make the same archive, so that its digest pins
the whole program.
"""

import io
import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pipeline.domain.definitions.types import FILE_NAME

MAX_BYTES = 64 << 20
MAIN = ("__main__.py", "main.py")
FOLDER = "/"  # ends the key of a folder, in which no name of a file ends
_STARTS = (b"#!", b"\x7fELF")
_ENVIRONMENTS = (".txt", ".zip")
RUNNER = "runner.json"  # all modules of the runner, which environment.py unpacks on a node
_ENGINES = frozenset({"runner.py", RUNNER, "environment.py", "__init__.py"})
_OLDEST = (1980, 1, 1, 0, 0, 0)


def is_engines(name: str) -> bool:
    """Return whether a file beside the programs on a node is the engine's own, as the runner is."""
    return name in _ENGINES or (name.startswith("runner_") and name.endswith(".py"))


def joined(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Put the modules of the runner into one file, so that a node fetches one; keep all others."""
    runner = {
        name: text
        for name, text in files.items()
        if is_engines(name) and name not in {"environment.py", RUNNER}
    }
    if not runner:
        return dict(files)
    texts = {name: runner[name].decode() for name in sorted(runner)}
    others = {name: text for name, text in files.items() if name not in runner}
    return {**others, RUNNER: json.dumps(texts, ensure_ascii=False).encode()}


def is_python(name: str, folder: Path) -> bool:
    """Return whether a program is run by the interpreter of its environment."""
    return name.endswith(".py") or (folder / name).is_dir()


def objection(name: str, folder: Path) -> str | None:
    """Say why a program of task_scripts/ that exists cannot run, or return None."""
    path = folder / name
    try:
        if path.is_dir():
            return _objection_to_folder(path)
        if name.endswith(_ENVIRONMENTS):
            return f"{name} would be taken for an environment: use another ending"
        return None if name.endswith(".py") else _objection_to_file(path)
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"


def _objection_to_file(path: Path) -> str | None:
    if path.stat().st_size > MAX_BYTES:
        return f"{path.name} has more than {MAX_BYTES >> 20} MiB: let nodes get it with their image"
    with path.open("rb") as file:
        first = file.readline(256)
    if not first.startswith(_STARTS):
        return f"{path.name} does not say what runs it: begin it with a line such as #!/bin/sh"
    if first.startswith(b"#!") and first.endswith(b"\r\n"):
        return f"the first line of {path.name} ends in a carriage return: save it with line feeds"
    return None


def _objection_to_folder(folder: Path) -> str | None:
    if not any((folder / name).is_file() for name in MAIN):
        return f"{folder.name}/ has no main.py"
    size = 0
    for path in _all(folder):
        if path.is_symlink() or not path.is_file():
            return f"{folder.name}/{path.relative_to(folder)} is not an ordinary file"
        size += path.stat().st_size
        if size > MAX_BYTES:
            limit = f"{MAX_BYTES >> 20} MiB"
            return f"{folder.name}/ has more than {limit}: let nodes get data as an input"
    return None


def read(name: str, folder: Path) -> tuple[str, bytes]:
    """Return the key of a program, and the bytes that are deployed. Raises OSError."""
    path = folder / name
    return (f"{name}{FOLDER}", packed(path)) if path.is_dir() else (name, path.read_bytes())


def packed(folder: Path) -> bytes:
    """Pack a folder so that the same files make the same bytes. Raises OSError."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_STORED) as packing:
        for path in _all(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _OLDEST)
            executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (0o755 if executable else 0o644) << 16
            packing.writestr(entry, path.read_bytes())
    return archive.getvalue()


def _all(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder in order, without hidden ones and what Python compiled."""
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(one for one in folders if one != "__pycache__" and one[0] != ".")
        yield from (Path(parent, one) for one in sorted(files) if one[0] != ".")
        yield from (Path(parent, one) for one in folders if Path(parent, one).is_symlink())


def names(folder: Path) -> list[str]:
    """Return what programs could be named in a folder, for a hint."""
    found = [path for path in folder.glob("*") if re.fullmatch(FILE_NAME, path.name)]
    return sorted(
        path.name
        for path in found
        if path.is_file() or any((path / main).is_file() for main in MAIN)
    )
