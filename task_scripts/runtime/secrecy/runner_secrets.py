"""The secrets of a task: Batch brings them as a file, which is deleted when it has been read.

They are in no variable of the runner: only the task's program gets them, in its environment or as
files that only its user may read. The runner keeps them in its memory for further tries, which
tells a program nothing that it does not have.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.runtime.files import runner_folder as folders
    from task_scripts.runtime.secrecy import runner_redaction as redaction
else:  # on a node the files are in one folder
    import runner_folder as folders
    import runner_redaction as redaction

FILE = "secrets.json"
_MOST_BYTES = 16 * 1024 * 1024
_NAME = r"(?a)[A-Za-z_][A-Za-z0-9_]{0,63}"
_AS_VARIABLE, _AS_FILE = _FORMS = ("env", "file")


class Untaken(Exception):
    """The task's secrets did not come; the message says why, and has no value."""


class Secrets:
    """The secrets of one attempt, by the names of their variables."""

    def __init__(self, found: "Mapping[str, tuple[str, str]]") -> None:
        """Take the form and the value of each."""
        self._found = found
        self.redactor = redaction.Redactor({name: value for name, (_, value) in found.items()})

    @property
    def on_disk(self) -> bool:
        """Whether the program gets some as files."""
        return any(form == _AS_FILE for form, _ in self._found.values())

    def variables(self, folder: "folders.Folder") -> "dict[str, str]":
        """Return the program's variables; write the files into a folder that is its own.

        Raises OSError.
        """
        made: dict[str, str] = {}
        for name, (form, value) in self._found.items():
            made[name] = value
            if form == _AS_FILE:
                with folder.create(name) as stream:
                    os.fchmod(stream.fileno(), 0o600)
                    stream.write(value.encode())
                made[name] = str(folder.path / name)
        return made


def take(root: "folders.Folder", wanted: "Iterable[str]") -> Secrets:
    """Read the file of secrets and delete it. Raises Untaken and OSError."""
    names = sorted(wanted)
    if not names:
        return Secrets({})
    try:
        with root.open(FILE) as stream:
            content = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise Untaken("the file with the secrets of the task is missing") from None
    root.unlink(FILE)
    found = _parsed(content)
    if sorted(found) != names:
        raise Untaken(f"the file of secrets does not have those of the task: {', '.join(names)}")
    return Secrets(found)


def _parsed(content: bytes) -> "dict[str, tuple[str, str]]":
    """Read the file's names, forms and values. Raises Untaken, which quotes nothing."""
    try:
        listed = json.loads(content)
        found = {name: (entry["as"], entry["value"]) for name, entry in listed.items()}
        good = all(
            re.fullmatch(_NAME, name)
            and form in _FORMS
            and isinstance(value, str)
            and value.encode()
            for name, (form, value) in found.items()
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        good = False
    if not good or len(content) > _MOST_BYTES:
        raise Untaken("the file of secrets is damaged")
    return found
