"""Finds the local stack that tests use, or starts one and stops it."""

import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fanfare.client import Fanfare
from fanfare.errors import Unreachable
from fanfare.events import Queue
from fanfare.local import COMPLETIONS
from fanfare.retries import Retries

URL, KEY, STORAGE = "FANFARE_STACK_URL", "FANFARE_STACK_KEY", "FANFARE_STACK_STORAGE"
_WORDS = 2_000


@contextmanager
def stack(
    environ: Mapping[str, str], project: Path, folder: Callable[[], Path]
) -> Iterator[Fanfare]:
    """Find the stack that the environment names or that is up, or start one in a folder.

    Raises Unreachable if there is none, and none can be started.
    """
    if url := environ.get(URL):
        with _named(url, environ) as app:
            app.runs(limit=1)  # so that a wrong address or key is told before any test
            yield app
    elif _is_up(project):
        with Fanfare.local(project) as app:
            yield app
    else:
        with _started(project, folder()) as app:
            yield app


def _is_up(project: Path) -> bool:
    """Return whether the stack of a project answers; files of one that was killed may remain."""
    try:
        with Fanfare.local(project, retries=Retries(most=0)) as app:
            app.runs(limit=1)
    except Unreachable:
        return False
    return True


def _named(url: str, environ: Mapping[str, str]) -> Fanfare:
    """Return a client by what `fanfare ready --env` prints."""
    key, storage = environ.get(KEY), environ.get(STORAGE)
    if not key:
        raise Unreachable(f"{URL} is set and {KEY} is not: `fanfare ready --env` prints both.")
    return Fanfare(
        url, key=key, completions=Queue.of_connection(storage, COMPLETIONS) if storage else None
    )


@contextmanager
def _started(project: Path, data: Path) -> Iterator[Fanfare]:
    command = shutil.which("fanfare")
    if command is None:
        raise Unreachable(
            f"No local stack is up, and the engine's command `fanfare` is not installed: "
            f"install the engine, or name a stack by {URL} and {KEY}."
        )
    where = ("--project", str(project), "--data", str(data))
    try:
        _call(command, "up", *where)
        with Fanfare.local(data) as app:
            yield app
    except BaseException as error:
        try:
            _call(command, "down", *where)
        except Unreachable as left:  # why it did not start comes first
            raise Unreachable(f"{error} Then: {left}") from error
        raise
    _call(command, "down", *where)


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unreachable(f"`{' '.join(command)}` failed: {done.stderr.strip()[-_WORDS:]}")
