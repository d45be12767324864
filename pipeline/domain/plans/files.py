"""The names of input files in a task's working directory."""

import re

_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}$")


def local_name(stem: str, blob: str, folder: str = "in") -> str:
    """Name an input file on the node; only an ordinary extension of the blob's name is kept."""
    match = _EXTENSION.search(blob)
    return f"{folder}/{stem}{match[0].lower() if match else ''}"
