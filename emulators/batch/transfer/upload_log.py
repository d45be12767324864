"""The two logs of uploads that a node leaves beside the logs of a task."""

import contextlib
from pathlib import Path

from emulators.batch.transfer.identities import TransferFailed, without_query
from emulators.batch.transfer.output_files import Upload


class UploadLog:
    """Notes which files were uploaded where, and which failed and why."""

    def __init__(self) -> None:
        self._out: list[str] = []
        self._err: list[str] = []

    def note(self, upload: Upload, failed: TransferFailed | None) -> None:
        """Note the end of one upload."""
        goal = f"{without_query(upload.container_url).rstrip('/')}/{upload.name}"
        if failed is None:
            self._out.append(f"{upload.source} uploaded to {goal}\n")
        else:
            why = failed.failure
            detail = why.details.get("Message", why.message)
            self._err.append(f"{upload.source} not uploaded to {goal}: {why.code}, {detail}\n")

    def write(self, directory: Path) -> None:
        """Write both logs into the directory of the task."""
        # A full disk or a deleted task must not change the result of the uploads.
        with contextlib.suppress(OSError):
            _write(directory / "fileuploadout.txt", self._out)
            _write(directory / "fileuploaderr.txt", self._err)


def _write(path: Path, lines: list[str]) -> None:
    """Write a new file in the place of an earlier one, or of a link that a program put there."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8", errors="replace") as file:
        file.writelines(lines)
