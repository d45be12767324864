"""The operations of files, of tasks and of nodes."""

import stat
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from emulators.batch.errors import BatchError
from emulators.batch.query import properties
from emulators.batch.service.emulator import Emulator
from emulators.batch.service.nodes import files
from emulators.batch.wire.call import Call, Reply, Route, http_date, numbered


@dataclass(frozen=True, slots=True)
class _Version:
    """A file has no ETag, only the time of its last change."""

    changed: str
    etag: str = ""


def _place(app: Emulator, call: Call) -> tuple[Path, Path]:
    """Return the folder that the request is about, and the root of its node."""
    if "taskId" in call.params:
        job = app.ctx.account.job(call.params["jobId"])
        return files.task_folder(app.ctx, job, job.task(call.params["taskId"]))
    pool = app.ctx.account.pool(call.params["poolId"])
    root = files.node_folder(app.ctx, pool.node(call.params["nodeId"]))
    return root, root


def _path(app: Emulator, call: Call) -> Path:
    folder, root = _place(app, call)
    return files.locate(folder, call.params["filePath"], root)


def _recursive(call: Call) -> bool:
    return call.query.get("recursive", "").lower() == "true"


def list_files(app: Emulator, call: Call) -> Reply:
    """List the files of a task or node."""
    (folder, _), url = _place(app, call), call.base + call.path
    walk = numbered(lambda: list(files.listing(folder, url, recursive=_recursive(call))))
    return call.listed("files", properties.FILES, walk)


def _headers(call: Call, path: Path) -> dict[str, str]:
    status = files.status_of(path)
    shown = files.properties(path, status)
    call.condition(_Version(shown["lastModified"]))
    return {
        "ocp-batch-file-url": quote(f"{call.base}{call.path}", safe=""),
        "ocp-batch-file-isdirectory": str(stat.S_ISDIR(status.st_mode)),
        "ocp-batch-file-mode": shown["fileMode"],
        "Last-Modified": http_date(shown["lastModified"]),
        "Content-Type": shown["contentType"],
    }


def get_file(app: Emulator, call: Call) -> Reply:
    """Send a file, or the requested range of it."""
    path = _path(app, call)
    if path.is_dir():
        raise BatchError("FileNotFound")
    return Reply(file=path, headers=_headers(call, path))


def get_file_properties(app: Emulator, call: Call) -> Reply:
    """Send the properties of a file."""
    path = _path(app, call)
    size = "0" if path.is_dir() else str(files.status_of(path).st_size)
    return Reply(headers={**_headers(call, path), "Content-Length": size})


def delete_file(app: Emulator, call: Call) -> Reply:
    """Delete a file or folder."""
    files.delete(_path(app, call), recursive=_recursive(call))
    return Reply()


def _routes(kind: str, where: str) -> tuple[Route, ...]:
    one = f"{where}/files/{{filePath}}"
    return (
        Route(f"delete_{kind}_file", "DELETE", one, 200, delete_file),
        Route(f"download_{kind}_file", "GET", one, 200, get_file),
        Route(f"get_{kind}_file_properties", "HEAD", one, 200, get_file_properties),
        Route(f"list_{kind}_files", "GET", f"{where}/files", 200, list_files),
    )


ROUTES = (
    *_routes("task", "/jobs/{jobId}/tasks/{taskId}"),
    *_routes("node", "/pools/{poolId}/nodes/{nodeId}"),
)
