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
            (directory / "fileuploadout.txt").write_text("".join(self._out), "utf-8", "replace")
            (directory / "fileuploaderr.txt").write_text("".join(self._err), "utf-8", "replace")
