"""Finds the local stack of a project by its files, without the engine."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fanfare.errors import Unreachable
from fanfare.events import Queue

DATA, COMPLETIONS = ".fanfare", "completions"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_SETTING = re.compile(r'^AzureWebJobsStorage="((?:[^"\\]|\\.)*)"$', re.MULTILINE)


@dataclass(frozen=True)
class LocalApp:
    """Where the app of a local stack is, its function key, and the queue of its events."""

    url: str
    key: str = field(repr=False)
    completions: Queue


def find(folder: str | Path) -> LocalApp:
    """Read where the stack of a project is, from its folder, one inside, or its data folder.

    Raises Unreachable if it is not up.
    """
    start = Path(folder).resolve()
    data = next(_candidates(start), None)
    if data is None:
        raise Unreachable(
            f"No local stack is up for {start}: start it with `fanfare up` in the project.",
            retry=True,
        )
    state = _json(data / "stack.json")
    keys = _json(data / "functions" / "keys.json")
    try:
        url = _on_this_machine(state["endpoints"]["functions"]["endpoint"])
        key = keys["host"]["default"]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unreachable(
            f"The files in {data} are not those of a local stack that runs ({error}): "
            "`fanfare up` again."
        ) from error
    return LocalApp(url.rstrip("/"), key, Queue.of_connection(_connection(data), COMPLETIONS))


def _on_this_machine(url: str) -> str:
    if urlsplit(url).hostname not in LOOPBACK:
        raise ValueError(f"{url!r:.80} is not on this machine")
    return url


def _candidates(start: Path) -> Iterator[Path]:
    for folder in (start, *(one / DATA for one in (start, *start.parents))):
        if (folder / "stack.json").is_file():
            yield folder


def _json(path: Path) -> Any:  # noqa: ANN401 - JSON of a file
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Unreachable(
            f"{path} cannot be read ({error}): is the stack just starting?", retry=True
        ) from error


def _connection(data: Path) -> str:
    """Return the connection string of Storage from app.env, which quotes some characters."""
    path = data / "app.env"
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise Unreachable(f"{path} cannot be read ({error}): `fanfare up` writes it.") from error
    found = _SETTING.search(text)
    if found is None:
        raise Unreachable(f"{path} has no AzureWebJobsStorage: `fanfare up` writes it.")
    return re.sub(r'\\(["$\\])', r"\1", found[1])
