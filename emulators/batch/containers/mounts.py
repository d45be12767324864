"""Which folders of the node a container sees, and which of Batch's variables name them.

https://learn.microsoft.com/azure/batch/batch-container-isolation-task
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulators.batch.containers.options import InvalidSettings
from emulators.batch.document import Doc

_PROPERTY = "containerHostBatchBindMounts"
_BATCHS_OWN = "AZ_BATCH_"
_FOLDERS = {
    "shared": "shared",
    "startup": "startup",
    "vfsmounts": "fsmounts",
    "applications": "applications",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """The folders of the node that a container may see; `gang` is one that all instances of a
    multi-instance task have."""

    root: Path
    directory: Path
    preparation: Path | None = None
    gang: Path | None = None


@dataclass(frozen=True, slots=True)
class Mounts:
    """The folders that a container sees, at the same path, each with whether it is read-only."""

    root: Path
    folders: tuple[tuple[Path, bool], ...]

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of `create`."""
        return [
            word
            for folder, read_only in self.folders
            for word in ("--volume", f"{folder}:{folder}{':ro' if read_only else ''}")
        ]

    def visible(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return the variables without those of Batch's own that name a folder which is not
        there."""
        return {name: value for name, value in env.items() if not self._is_lost(name, value)}

    def _is_lost(self, name: str, value: str) -> bool:
        if not name.startswith(_BATCHS_OWN) or not value.startswith("/"):
            return False
        path = Path(value)
        inside = any(path.is_relative_to(folder) for folder, _ in self.folders)
        return path.is_relative_to(self.root) and not inside


def read_mounts(settings: Doc, frame: Frame) -> Mounts:
    """Return the mounts of a task; without a list that is the node's whole root. Raises
    InvalidSettings."""
    entries = settings.get(_PROPERTY)
    if entries is None:
        return Mounts(frame.root, ((frame.root, False),))
    folders = [
        (folder, bool(entry.get("isReadOnly")))
        for entry in entries
        for folder in _folders(settings, str(entry.get("source") or ""), frame)
    ]
    return Mounts(frame.root, tuple(folders))


def _folders(settings: Doc, source: str, frame: Frame) -> list[Path]:
    key = source.lower()
    if key in _FOLDERS:
        return [frame.root / _FOLDERS[key]]
    if key == "task":
        return [frame.directory, *([frame.gang] if frame.gang else ())]
    if key == "jobprep" and frame.preparation is not None:
        return [frame.preparation]
    reason = "the job has no preparation task" if key == "jobprep" else f"unknown source {source!r}"
    raise InvalidSettings(str(settings.get("containerRunOptions") or ""), f"{_PROPERTY}: {reason}")
