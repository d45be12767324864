"""The port over the HTTP interface of an app: no role on Storage or Batch is needed.

Everything that an app says is checked as hostile: `answers` reads it, and the files of an output
are compared with the manifest that the run names.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from pipeline.cli.doors import answers
from pipeline.cli.doors.calls import Calls, Refused, Unintelligible
from pipeline.cli.doors.direct import chunks_of
from pipeline.cli.doors.door import Advance, Listed, Logs, Outputs, Wanted
from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.catalogue.file_digests import sha256_of
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.visible import visible
from pipeline.errors import Conflict, FanfareError, NotFound, Transient
from pipeline.handlers.collecting.standing import FailedItem, Standing
from pipeline.handlers.doors.http import MAX_LISTED

_LARGEST_PUT = 5000 << 20  # bytes of one Put Blob; more would have to go in blocks
_PAGE, _HELD = 1000, 20  # files of an answer, and answers that are held
_PAUSES_S = (1.0, 3.0)  # between the tries of a request that can be repeated


@dataclass(frozen=True)
class RemoteDoor:
    """The commands' way into an app; `note` tells a person what else he should know."""

    calls: Calls
    note: Callable[[str], None] = lambda _: None
    poll_s: float = 2.0  # each look is an invocation of the app
    sleep: Callable[[float], None] = time.sleep

    @property
    def now(self) -> datetime:
        """The time of this machine."""
        return datetime.now(UTC)

    def latest(self, pipeline: str | None, limit: int, *, active: bool = False) -> Listed:
        """List the latest runs; an app answers with a part of a long list."""
        asked = {"active": "true"} if active else {}
        found, damaged, rest = list[Run](), dict[str, None](), None
        while len(found) < limit:
            most = min(limit - len(found), MAX_LISTED)
            if rest:
                asked["after"] = rest
            answer = self.calls.get("runs", pipeline=pipeline, limit=most, **asked)
            runs, unreadable, rest = answers.listed_of(answer)
            found += runs
            damaged |= dict.fromkeys(unreadable)
            if not (rest and runs):
                break
        if rest is None and len(found) == MAX_LISTED < limit:
            self.note(f"This app lists at most {MAX_LISTED} runs over HTTP: --direct lists more.")
        # An app of an older release knows no `active`, and lists all.
        runs = [run for run in found[:limit] if not (active and run.over)]
        return Listed(runs, list(damaged))

    def find(self, run: str) -> Run | None:
        """Return the run with this id."""
        if run in ("", ".", ".."):
            return None
        try:
            return answers.run_of(self.calls.get("runs", run), run)
        except NotFound:
            return None

    def beginning(self, text: str) -> list[str]:
        """Name the runs whose ids begin so, among the latest of all pipelines."""
        return [r.id for r in self.latest(None, MAX_LISTED).runs if r.id.startswith(text)]

    def standing(self, run: str, *, ask: bool = True) -> Standing:
        """Read how a run stands."""
        return answers.standing_of(self.calls.get("runs", run, "standing", failures=0), run)

    def failed(self, run: Run, limit: int) -> list[FailedItem]:
        """Return the first items that failed."""
        return answers.failed_of(self.calls.get("runs", run.id, "standing", failures=limit))

    def manifest(self, run: Run) -> Manifest | None:
        """Return the manifest of a run's output; readers may not see it.

        Storage may be out of reach from here, which says nothing about the run.
        """
        if run.output is None:
            return None
        try:
            found = self.outputs(run).manifest()
            return Manifest.model_validate_json(found[1]) if found else None
        except FanfareError as error:
            self.note(f"The files of the output cannot be listed: {error}")
        except ValidationError:
            self.note("This release cannot read the manifest of the output.")
        return None

    def edited(self, run: Run) -> list[str]:
        """Name nothing: over HTTP nobody knows the versions of the run's files."""
        return []

    def start(self, wanted: Wanted, advance: Advance) -> str:
        """Upload the file, if there is one, and start the run."""
        key = wanted.key or uuid.uuid4().hex
        body: dict[str, object] = {
            "pipeline": wanted.pipeline,
            "parameters": dict(wanted.parameters),
            "idempotency_key": key,
        }
        if wanted.file is not None:
            body["input"] = self._uploaded(wanted.file, wanted.name, advance)
        with _telling(_with(key, wanted)):
            return answers.run_of(self._repeated("runs", body=body)).id

    def cancel(self, run: str) -> Run:
        """Cancel a run."""
        return answers.run_of(self.calls.post("runs", run, "cancel"), run)

    def redrive(self, run: str) -> Run:
        """Execute again what failed; naming the generation makes a repeated request harmless."""
        seen = answers.run_of(self.calls.get("runs", run), run).generation
        with _telling(f"Generation {seen + 1} may have begun: `fanfare show {run}` tells."):
            return answers.run_of(self._repeated("runs", run, "redrive", generation=seen), run)

    def outputs(self, run: Run) -> Outputs:
        """Open the committed output of a run."""
        return _Signed(self.calls, run)

    def logs(self, run: Run, unit: str) -> Logs:
        """Read the logs of a unit, or of all."""
        asked = {"unit": unit} if unit else {}
        answer = self.calls.get("runs", run.id, "logs", generation=run.generation, **asked)
        return Logs(*answers.logs_of(answer))

    def _uploaded(self, file: Path, name: str | None, advance: Advance) -> object:
        """Bring a file where the app says, unless it is there; return it as the input of a run."""
        size = file.stat().st_size
        if size > _LARGEST_PUT:
            raise CommandError(
                f"{file} has {size:,} bytes, and over HTTP at most {_LARGEST_PUT:,} can be "
                "uploaded: give --direct.",
                Exit.USAGE,
            )
        body = {"name": name or file.name, "sha256": sha256_of(file)}
        for pause_s in (*_PAUSES_S, None):
            place = answers.place_of(self._repeated("uploads", body=body))
            if place.uploaded:
                break
            try:
                self.calls.put(place.url, chunks_of(file, advance), size)
                break
            except (Transient, Refused):
                # It may have arrived, or another process with the same file was faster.
                if pause_s is None:
                    raise
                self.sleep(pause_s)
        return dict(place.input)

    def _repeated(self, *path: str, body: object = None, **asked: object) -> answers.Json:
        """Post what the app does only once, however often it comes; again if no answer comes."""
        for pause_s in _PAUSES_S:
            try:
                return self.calls.post(*path, body=body, **asked)
            except Conflict:
                raise
            except Transient:
                self.sleep(pause_s)
        return self.calls.post(*path, body=body, **asked)


@contextmanager
def _telling(unknown: str) -> Iterator[None]:
    """Add to an error after which nobody knows what the app did what it may have done."""
    try:
        yield
    except Conflict:
        raise
    except Unintelligible as error:
        raise Unintelligible(f"{error} {unknown}", error.code) from error
    except Transient as error:
        raise Transient(f"{error} {unknown}") from error


def _with(key: str, wanted: Wanted) -> str:
    """Say how a start whose answer is unknown can be repeated."""
    alone = f" for {visible(wanted.file.name)} alone" if wanted.file else ""
    return (
        f"The run may have started: repeat the command{alone} with --key {key}, which starts no "
        "second one."
    )


@dataclass
class _Signed:
    """The output of a run by signed URLs, which are asked for anew when they are too old.

    The app signs a thousand at a time. Files are read in their order, so only a few such answers
    are held, and the next one has the name that none of them has.
    """

    calls: Calls
    run: Run
    _held: dict[int, dict[str, str]] = field(default_factory=dict)  # by the files before them
    _next: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def manifest(self) -> tuple[str, bytes] | None:
        """Return the manifest's present ETag and bytes."""
        try:
            return self.calls.read(self._page(0, 1).manifest)
        except NotFound:
            return None

    def stream(self, name: str, offset: int) -> Iterator[bytes]:
        """Yield a file of the output."""
        url = self._url(name)
        try:
            yield from self.calls.stream(url, offset)
        except Refused:  # its hour is over; nothing of it was yielded
            yield from self.calls.stream(self._url(name, old=url), offset)

    def _url(self, name: str, *, old: str = "") -> str:
        """Return the URL of a file, or another one than the old one. Raises NotFound."""
        with self._lock:
            place = next((at for at, urls in self._held.items() if name in urls), None)
            if place is not None and self._held[place][name] == old:
                self._sign(place)
            elif place is None:
                place = self._searched(name)
            if name not in self._held[place]:
                raise self._absent(name)
            return self._held[place][name]

    def _searched(self, name: str) -> int:
        """Ask for URLs, from the last ones on and then from the first, until one has the name."""
        begun = self._next
        for stop in (None, begun):
            while stop is None or self._next < stop:
                place = self._next
                more = self._sign(place)
                if name in self._held[place]:
                    return place
                if not more:
                    break
            self._next = 0
        raise self._absent(name)

    def _absent(self, name: str) -> NotFound:
        return NotFound(f"The output of run {self.run.id} has no file {name!a}.")

    def _sign(self, place: int) -> bool:
        """Hold the URLs of the files from a place on; return whether there are more after them."""
        page = self._page(place, _PAGE)
        self._held.pop(place, None)
        self._held[place] = {file.name: file.url for file in (*page.files, *page.pages)}
        if len(self._held) > _HELD:
            del self._held[next(iter(self._held))]
        self._next = place + len(page.files)
        return bool(page.files) and self._next < page.total

    def _page(self, skip: int, limit: int) -> answers.FilesPage:
        answer = self.calls.get("runs", self.run.id, "outputs", skip=skip, limit=limit)
        page = answers.files_of(answer)
        if page.generation != self.run.generation:
            raise CommandError(
                f"Run {self.run.id} was redriven meanwhile: its output is another one. "
                "Repeat the command."
            )
        return page
