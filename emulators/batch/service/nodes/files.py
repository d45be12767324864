"""Files on nodes and of tasks: found, listed, read and deleted, but never outside their folder."""

import mimetypes
import os
import shutil
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from emulators.batch.document import Doc, stamp
from emulators.batch.errors import BatchError
from emulators.batch.model.job import Job
from emulators.batch.model.node import READY, Node
from emulators.batch.model.states import NodeState
from emulators.batch.model.task import Task
from emulators.batch.service.context import Context
from emulators.batch.service.nodes.retention import kept_until

# In other states no agent can answer.
_SERVING = READY | {
    NodeState.WAITING_FOR_START_TASK,
    NodeState.START_TASK_FAILED,
    NodeState.OFFLINE,
}


def node_folder(ctx: Context, node: Node) -> Path:
    """Return the root of a node, or refuse if no agent can read it."""
    if node.state is NodeState.UNUSABLE:
        raise BatchError("NodeStateUnusable")
    if node.state not in _SERVING:
        raise BatchError("NodeNotReady")
    return ctx.folders(node).root


def task_folder(ctx: Context, job: Job, task: Task) -> tuple[Path, Path]:
    """Return the folder of a task that has run, and the root of its node, or refuse if these are
    gone."""
    until = kept_until(task)
    if until is not None and until <= ctx.clock.now():
        raise BatchError("TaskFilesCleanedup")
    pool = ctx.account.pools.get(task.pool_id.lower())
    node = pool.nodes.get(task.node_id) if pool and task.node_id else None
    if node is None:
        raise BatchError("TaskFilesUnavailable")
    root, folder = node_folder(ctx, node), ctx.folders(node).task(job.id, task.id)
    if not folder.is_dir():
        raise BatchError("TaskFilesUnavailable")
    return folder, root


def locate(folder: Path, relative: str, root: Path) -> Path:
    """Return a file or folder below a folder, or refuse if it does not exist there.

    Links may lead anywhere below the root of the node, and no further.
    """
    path = Path(os.path.normpath(folder / relative))
    if path == folder or not path.is_relative_to(folder):
        raise BatchError("FileNotFound")
    try:
        on_node = path.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError) as error:
        # The name cannot exist: it is too long, or holds a NUL.
        raise BatchError("FileNotFound") from error
    if not on_node:
        raise BatchError("FileNotFound")
    status_of(path)
    return path


def status_of(path: Path) -> os.stat_result:
    """Return the stat of a file or folder; refuse pipes and the like, because reading one would
    never end."""
    found = _status(path)
    if found is None:
        raise BatchError("FileNotFound")
    return found


def _status(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except OSError:
        # Tasks may delete their files while we look.
        return None
    return found if stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode) else None


def listing(folder: Path, url: str, *, recursive: bool) -> Iterator[Doc]:
    """Yield the entries below a folder in the order of the service: files first, then folders and
    what they hold."""
    for path, status in _walk(folder, recursive):
        raw = os.fsencode(path.relative_to(folder))
        is_directory = stat.S_ISDIR(status.st_mode)
        entry: Doc = {
            "name": raw.decode(errors="replace"),
            "url": f"{url}/{quote(raw)}",
            "isDirectory": is_directory,
        }
        if not is_directory:
            entry["properties"] = properties(path, status)
        yield entry


def _walk(folder: Path, recursive: bool) -> Iterator[tuple[Path, os.stat_result]]:
    for path, status in _children(folder):
        yield path, status
        if recursive and stat.S_ISDIR(status.st_mode) and not path.is_symlink():
            yield from _walk(path, recursive)


def _children(folder: Path) -> list[tuple[Path, os.stat_result]]:
    try:
        paths = list(folder.iterdir())
    except OSError:
        paths = []
    found = [(path, status) for path in paths if (status := _status(path)) is not None]
    return sorted(
        found,
        key=lambda one: (stat.S_ISDIR(one[1].st_mode), one[0].name != "stdout.txt", one[0].name),
    )


def properties(path: Path, status: os.stat_result) -> Doc:
    """Return what the service tells about a file of a Linux node: no creation time, and the length
    as text."""
    return {
        "lastModified": stamp(datetime.fromtimestamp(status.st_mtime, UTC)),
        "contentLength": str(status.st_size),
        "contentType": content_type(path),
        "fileMode": f"0o{status.st_mode:o}",
    }


def content_type(path: Path) -> str:
    """Guess a file's type from its name."""
    return mimetypes.guess_type(path.name)[0] or "application/octet-stream"


def delete(path: Path, *, recursive: bool) -> None:
    """Delete a file, or a folder; a folder with entries needs `recursive`."""
    if not path.is_dir():
        path.unlink()
    elif recursive:
        shutil.rmtree(path)
    elif any(path.iterdir()):
        raise BatchError("OperationInvalidForCurrentState", "The directory is not empty.")
    else:
        path.rmdir()
