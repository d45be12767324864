"""Modes and owners of a node's folders when tasks run as users of their own (`--users map`).

Where Azure is silent this is as open as it may be there. All users share one group, and a task's
folders are open to it until the task closes them. The emulator's own files stay closed.
"""

import os
from pathlib import Path

from emulators.batch.agent.environment import NodeFolders
from emulators.batch.agent.users import GROUP, group_of

_OWN, _PASSED, _SEEN, _READ, _SHARED = 0o700, 0o711, 0o755, 0o750, 0o770


def open_way(data: Path, nodes: Path, image: Path) -> None:
    """Let users read the image, and pass the folders above the nodes; all else is closed."""
    nodes.mkdir(parents=True, exist_ok=True)
    for path in data.iterdir():
        if not path.is_symlink():
            path.chmod(_OWN)
    for folder in (data, nodes):
        folder.chmod(_PASSED)
    for path in (image, *image.rglob("*")):
        if path.exists() and not path.is_symlink():
            path.chmod(_SEEN)


def open_node(folders: NodeFolders) -> None:
    """Let users see a node's folders, and write into the shared one."""
    for path in (folders.root, *folders.root.iterdir()):
        path.chmod(_SEEN)
    shared = folders.root / "shared"
    os.chown(shared, -1, GROUP)
    shared.chmod(_SHARED)


def give(folder: Path, root: Path, user: int, *, shares: bool) -> None:
    """Give a task's folder with all that is in it to its user.

    Others of the group may read it, and write into it if it `shares`, as those of a job's tasks do.
    """
    for above in folder.parents:
        if above == root:
            break
        above.chmod(_SEEN)
    mode, group = _SHARED if shares else _READ, group_of(user)
    os.chown(folder, user, group)
    folder.chmod(mode)
    for path in folder.rglob("*"):
        os.chown(path, user, group, follow_symlinks=False)
        if path.is_dir() and not path.is_symlink():
            path.chmod(mode)
