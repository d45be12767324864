"""Files on nodes and of tasks: found, listed, read, deleted, never outside their folder."""

import mimetypes
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.node import Node
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from emulators.batch.service.retention import kept_until


def task_folder(ctx: Context, job: Job, task: Task) -> Path:
    """Return the folder of a task that has run on a node which still exists."""
    until = kept_until(task)
    if until is not None and until <= ctx.clock.now():
        raise BatchError("TaskFilesCleanedup")
    pool = ctx.account.pools.get(task.pool_id.lower())
    node = pool.nodes.get(task.node_id) if pool and task.node_id else None
    if node is None:
        raise BatchError("TaskFilesUnavailable")
    folder = ctx.folders(node).task(job.id, task.id)
    if not folder.is_dir():
        raise BatchError("TaskFilesUnavailable")
    return folder


def node_folder(ctx: Context, node: Node) -> Path:
    """Return the root folder of a node."""
    return ctx.folders(node).root


def locate(folder: Path, relative: str) -> Path:
    """Return a file below a folder, or refuse what is not there or not inside."""
    path = Path(os.path.normpath(folder / relative))
    try:
        inside = path.resolve().is_relative_to(folder.resolve()) and path.exists()
    except (OSError, ValueError) as error:
        # No name of a file: too long, or with a NUL.
        raise BatchError("FileNotFound") from error
    if not inside:
        raise BatchError("FileNotFound")
    return path


def listing(folder: Path, url: str, *, recursive: bool) -> Iterator[Doc]:
    """Yield the entries below a folder: files first as the service
    does, then folders and what is in them."""
    for path in _walk(folder, recursive):
        name = path.relative_to(folder).as_posix()
        entry: Doc = {"name": name, "url": f"{url}/{name}", "isDirectory": path.is_dir()}
        if not path.is_dir():
            entry["properties"] = properties(path)
        yield entry


def _walk(folder: Path, recursive: bool) -> Iterator[Path]:
    children = sorted(
        folder.iterdir(), key=lambda path: (path.is_dir(), path.name != "stdout.txt", path.name)
    )
    for child in children:
        if not child.exists():
            continue
        yield child
        if recursive and child.is_dir() and not child.is_symlink():
            yield from _walk(child, recursive)


def properties(path: Path) -> Doc:
    """Return what the service says about a file; its length is text."""
    status = path.stat()
    changed = stamp(datetime.fromtimestamp(status.st_mtime, UTC))
    return {
        "lastModified": changed,
        "creationTime": changed,
        "contentLength": str(status.st_size),
        "contentType": content_type(path),
        "fileMode": f"0o{status.st_mode:o}",
    }


def content_type(path: Path) -> str:
    """Guess a file's type from its name."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def delete(path: Path, *, recursive: bool) -> None:
    """Delete a file, or a folder with everything in it when asked to."""
    if not path.is_dir():
        path.unlink()
    elif recursive:
        shutil.rmtree(path)
    elif any(path.iterdir()):
        raise BatchError("OperationInvalidForCurrentState", "The directory is not empty.")
    else:
        path.rmdir()
