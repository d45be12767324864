"""Fetches the files of a task that has more of them than a request to Batch carries.

Batch brings one file then, a list: a line of JSON for each file, with its path, its signed URL and
its size. The list is deleted as soon as it is read, and only a child process ever has it in its
memory, so that no program finds a signature. Nothing that the list says is trusted.
"""

import fcntl
import json
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING or __package__:
    from task_scripts.runtime import runner_keeper as keeper
    from task_scripts.runtime.files import runner_download as downloads
    from task_scripts.runtime.files import runner_fetch as fetch
    from task_scripts.runtime.files import runner_folder as folders
else:  # on a node the files are in one folder
    import runner_download as downloads
    import runner_fetch as fetch
    import runner_folder as folders
    import runner_keeper as keeper

AT_ONCE = 16
_LIST_BYTES = 512 * 1024 * 1024
_MODE = 0o700  # as Batch gives it to the files that it brings


class Entry(NamedTuple):
    """One file of the list; a size of 0 is unknown.

    With `offset` it is the part of the blob that begins there. With `spans` only these are fetched:
    the file has the blob's length, and holes around them.
    """

    path: str
    url: str
    size: int
    spans: "tuple[tuple[int, int], ...]" = ()
    offset: "int | None" = None


def fetch_listed(folder: Path, environ: Mapping[str, str]) -> int:
    """Fetch what the task's list names; return 0, or the code to exit with."""
    work = partial(_fetch, folder, environ[fetch.LIST], environ.get(fetch.STORAGE, ""))
    code = keeper.Keeper(lambda _leash: work(), lambda _signal: False).run()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return code


def _fetch(folder: Path, name: str, storage: str) -> int:
    try:
        root = folders.Folder.at(folder)
        entries = list(_entries(_taken(root, name), storage))
        Fetching(root, entries).run()
    except (downloads.Unfetched, OSError) as error:
        return fetch.without(error)
    return 0


def _taken(root: folders.Folder, name: str) -> bytes:
    """Read the list and delete it. Raises OSError or Unfetched."""
    with root.open(name) as stream:
        content = stream.read(_LIST_BYTES + 1)
    root.unlink(name)
    if len(content) > _LIST_BYTES:
        raise downloads.Unfetched("the list of files is too long")
    return content


def _entries(content: bytes, storage: str) -> Iterator[Entry]:
    """Yield the files of a list, each checked. Raises Unfetched."""
    seen = set[str]()
    for number, line in enumerate(content.splitlines()):
        try:
            found = json.loads(line)
            size = int(found.get("size", 0))
            spans = tuple((int(start), int(stop)) for start, stop in found.get("spans", ()))
            offset = int(found["offset"]) if "offset" in found else None
            entry = Entry(str(found["path"]), str(found["url"]), size, spans, offset)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            message = f"line {number + 1} of the list of files is damaged"
            raise downloads.Unfetched(message) from None
        try:
            fetch.check_path(entry.path)
        except ValueError as error:
            raise downloads.Unfetched(str(error)) from None
        if entry.offset is not None and (entry.spans or min(entry.offset, entry.size) < 0):
            raise downloads.Unfetched(f"the list has a wrong part for {entry.path}")
        if not all(0 <= start < stop <= entry.size for start, stop in entry.spans):
            raise downloads.Unfetched(f"the list has a wrong span of {entry.path}")
        _check_url(entry, storage)
        if entry.path in seen:
            raise downloads.Unfetched(f"the list names {entry.path} twice")
        seen.add(entry.path)
        yield entry


def _check_url(entry: Entry, storage: str) -> None:
    """Check that a URL leads to the storage account. Raises Unfetched."""
    try:
        parts = urlsplit(entry.url)
    except ValueError:
        raise downloads.Unfetched(f"the URL of {entry.path} cannot be read") from None
    plain = entry.url.isascii() and entry.url.isprintable() and " " not in entry.url
    at = f"{parts.scheme}://{parts.netloc}"
    if not plain or parts.scheme not in {"http", "https"} or at != storage:
        where = fetch.printable(parts.hostname or "no host")
        raise downloads.Unfetched(
            f"the URL of {entry.path} does not lead to the storage account, but to {where[:200]}"
        )


class Fetching:
    """Fetches files, some at once; the first one that stays away ends it all."""

    def __init__(
        self,
        root: folders.Folder,
        entries: Iterable[Entry],
        pauses: "tuple[float, ...]" = downloads.PAUSES_S,
    ) -> None:
        self._root, self._waiting = root, deque(entries)
        self._stop, self._pauses = threading.Event(), pauses
        self._folders: dict[str, folders.Folder] = {}
        self._failures: list[Exception] = []

    def run(self) -> None:
        """Fetch all. Raises Unfetched."""
        for entry in self._waiting:
            self._make_folder(entry.path.rpartition("/")[0])
        # Threads of a pool would be waited for when SIGTERM comes.
        threads = [
            threading.Thread(target=self._work, daemon=True)
            for _ in range(min(AT_ONCE, len(self._waiting)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if self._failures:
            raise self._failures[0]

    def _make_folder(self, path: str) -> folders.Folder:
        if path not in self._folders:
            above, _, name = path.rpartition("/")
            parent = self._make_folder(above) if above else self._root
            try:
                self._folders[path] = parent.enter(name)
            except OSError as error:
                why = f"the folder {path} cannot be made: {error.strerror or error}"
                raise downloads.Unfetched(why) from None
        return self._folders[path]

    def _work(self) -> None:
        source = downloads.Source(self._stop, self._pauses)
        try:
            while not self._stop.is_set() and (entry := self._next()):
                self._fetch(entry, source)
        except downloads.Unfetched as error:
            self._failures.append(error)
            self._stop.set()
        except Exception as error:  # noqa: BLE001 a thread that died has left files out
            # What such an error says may hold a URL.
            self._failures.append(downloads.Unfetched(f"the runner failed: {type(error).__name__}"))
            self._stop.set()
        finally:
            source.close()

    def _next(self) -> "Entry | None":
        try:
            return self._waiting.popleft()
        except IndexError:
            return None

    def _fetch(self, entry: Entry, source: downloads.Source) -> None:
        """Fetch one file; it gets its name when it is whole."""
        above, _, name = entry.path.rpartition("/")
        folder, unfinished = self._folders[above], f"tmp-{os.urandom(8).hex()}"
        try:
            with folder.create(unfinished) as target:
                os.fchmod(target.fileno(), _MODE)
                if entry.offset is not None:
                    part = (entry.offset, entry.offset + entry.size)
                    source.download_part(entry.path, entry.url, part, target)
                elif entry.spans:
                    fcntl.fcntl(target, fcntl.F_SETFL, os.O_RDWR)  # each span has its place
                    target.truncate(entry.size)
                else:
                    source.download(entry.path, entry.url, entry.size, target)
                for span in entry.spans:
                    source.download_span(entry.path, entry.url, span, target)
            folder.rename(unfinished, name)  # a link in its place is replaced, not followed
        except OSError as error:
            why = f"{entry.path} cannot be written: {error.strerror or error}"
            raise downloads.Unfetched(why) from None
