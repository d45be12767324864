"""Knows what a task's files need before its items begin, and says what is missing of them.

A task with more files than a request to Batch carries has a list of them, which
`runner_fetching.py` reads. Few tasks have one, so its modules are loaded by those alone.
"""

import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.files import runner_folder as folders

# The name of the list, and the only place of which it may name blobs: scheme, host and port.
LIST, STORAGE = VARIABLES = ("FANFARE_FILES", "FANFARE_STORAGE")
# When the first of the task's files was created on the node: seconds since 1970, or no number.
BEGAN = "FANFARE_DOWNLOAD_BEGAN"
EXIT_CODE = 74  # by which the engine knows that files were not fetched
MARK = "Not fetched: "  # begins the line that says why


def link_prepared(
    root: "folders.Folder", inputs: "Iterable[Mapping[str, Any]]", prepared: str
) -> None:
    """Link the inputs that came once to the node, with its preparation.

    Raises OSError, and ValueError for a path that leaves the task.
    """
    for file in inputs:
        if file.get("delivery") == "node":
            check_path(file["file"])
            above, _, name = file["file"].rpartition("/")
            root.enter(above).link(name, f"{prepared}/{file['file']}")


def without(error: Exception) -> int:
    """Say why something was not fetched, and return the code to exit with."""
    sys.stderr.write(f"{MARK}{printable(str(error))}\n")
    return EXIT_CODE


def check_path(path: str) -> None:
    """Let only files in folders pass: beside them lie the runner's own. Raises ValueError."""
    parts = path.split("/")
    outside = any(part in {"", ".", ".."} for part in parts) or "\\" in path
    if outside or len(parts) == 1 or not path.isprintable():
        raise ValueError(f"the path {path[:200]!a} does not lie in a folder of the task")


def printable(text: str) -> str:
    """Return a text as one line without control characters."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
