"""The port over the HTTP interface of an app: no role on Storage or Batch is needed.

Everything that an app says is checked as hostile: `answers` reads it, and the files of an output
are compared with the manifest that the run names.
"""

import hashlib
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from pipeline.cli.doors import answers, calls
from pipeline.cli.doors.calls import Calls, Refused
from pipeline.cli.doors.direct import chunks_of
from pipeline.cli.doors.door import Advance, Listed, Outputs, Wanted
from pipeline.cli.exits import CommandError, Exit
from pipeline.domain.runs.manifest import Manifest
from pipeline.domain.runs.run import Run
from pipeline.errors import NotFound
from pipeline.handlers.collecting.logs import Log
from pipeline.handlers.collecting.standing import FailedItem, Standing

_SEARCHED = 200  # runs
_LARGEST_PUT = 5000 << 20  # bytes of one Put Blob; more would have to go in blocks
_PAGE = 1000  # files


@dataclass(frozen=True)
class RemoteDoor:
    """The commands' way into an app; `note` tells a person what else he should know."""

    calls: Calls
    note: Callable[[str], None] = lambda _: None
    poll_s: float = 2.0  # each look is an invocation of the app

    @property
    def now(self) -> datetime:
        """The time of this machine."""
        return datetime.now(UTC)

    def latest(self, pipeline: str | None, limit: int, *, active: bool = False) -> Listed:
        """List the latest runs."""
        asked = {"active": "true"} if active else {}
        answer = self.calls.get("runs", pipeline=pipeline, limit=limit, **asked)
        return Listed(*answers.listed_of(answer))

    def find(self, run: str) -> Run | None:
        """Return the run with this id."""
        if run in ("", ".", ".."):
            return None
        try:
            return answers.run_of(self.calls.get("runs", run))
        except NotFound:
            return None

    def beginning(self, text: str) -> list[str]:
        """Name the runs whose ids begin so, among the latest of all pipelines."""
        return [r.id for r in self.latest(None, _SEARCHED).runs if r.id.startswith(text)]

    def standing(self, run: str, *, ask: bool = True) -> Standing:
        """Read how a run stands."""
        return answers.standing_of(self.calls.get("runs", run, "standing", failures=0))

    def failed(self, run: Run, limit: int) -> list[FailedItem]:
        """Return the first items that failed."""
        return answers.failed_of(self.calls.get("runs", run.id, "standing", failures=limit))

    def manifest(self, run: Run) -> Manifest | None:
        """Return the manifest of a run's output; readers may not see it."""
        if run.output is None:
            return None
        try:
            found = self.outputs(run).manifest()
            return Manifest.model_validate_json(found[1]) if found else None
        except (Refused, ValidationError):
            return None

    def edited(self, run: Run) -> list[str]:
        """Name nothing: over HTTP nobody knows the versions of the run's files."""
        return []

    def start(self, wanted: Wanted, advance: Advance) -> str:
        """Upload the file, if there is one, and start the run."""
        body: dict[str, object] = {
            "pipeline": wanted.pipeline,
            "parameters": dict(wanted.parameters),
            "idempotency_key": wanted.key or uuid.uuid4().hex,
        }
        if wanted.file is not None:
            body["input"] = self._uploaded(wanted.file, wanted.name, advance)
        return answers.run_of(self.calls.post("runs", body=body)).id

    def cancel(self, run: str) -> Run:
        """Cancel a run."""
        return answers.run_of(self.calls.post("runs", run, "cancel"))

    def redrive(self, run: str) -> Run:
        """Execute again what failed."""
        return answers.run_of(self.calls.post("runs", run, "redrive"))

    def outputs(self, run: Run) -> Outputs:
        """Open the committed output of a run."""
        return _Signed(self.calls, run)

    def logs(self, run: Run, unit: str) -> Iterator[Log]:
        """Read the logs of a unit, or of all."""
        asked = {"unit": unit} if unit else {}
        answer = self.calls.get("runs", run.id, "logs", generation=run.generation, **asked)
        found, more = answers.logs_of(answer)
        if more:
            self.note("These are not all logs: name a task, or an item, to read its own.")
        return iter(found)

    def _uploaded(self, file: Path, name: str | None, advance: Advance) -> object:
        """Bring a file where the app says, unless it is there; return it as the input of a run."""
        size = file.stat().st_size
        if size > _LARGEST_PUT:
            raise CommandError(
                f"{file} has {size:,} bytes, and over HTTP at most {_LARGEST_PUT:,} can be "
                "uploaded: give --direct.",
                Exit.USAGE,
            )
        body = {"name": name or file.name, "sha256": _digest(file)}
        place = answers.place_of(self.calls.post("uploads", body=body))
        if not place.uploaded:
            calls.put(place.url, chunks_of(file, advance), size)
        return dict(place.input)


@dataclass
class _Signed:
    """The output of a run by signed URLs, which are asked for anew when they are too old."""

    calls: Calls
    run: Run
    _urls: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def manifest(self) -> tuple[str, bytes] | None:
        """Return the manifest's present ETag and bytes."""
        try:
            url = self._page(0, 1).manifest
            with calls.sent("GET", url) as answer:
                etag = (answer.headers.get("etag") or "").strip('"')
            return etag, calls.read(url)
        except NotFound:
            return None

    def stream(self, name: str, offset: int) -> Iterator[bytes]:
        """Yield a file of the output."""
        try:
            yield from calls.stream(self._url(name), offset)
        except Refused:  # its hour is over; nothing of it was yielded
            yield from calls.stream(self._url(name, anew=True), offset)

    def _url(self, name: str, *, anew: bool = False) -> str:
        with self._lock:
            if anew or name not in self._urls:
                self._sign_all()
        try:
            return self._urls[name]
        except KeyError:
            raise NotFound(f"The output of run {self.run.id} has no file {name!a}.") from None

    def _sign_all(self) -> None:
        skip = 0
        while True:
            page = self._page(skip, _PAGE)
            self._urls |= {file.name: file.url for file in page.files}
            skip += len(page.files)
            if not page.files or skip >= page.total:
                return

    def _page(self, skip: int, limit: int) -> answers.FilesPage:
        answer = self.calls.get("runs", self.run.id, "outputs", skip=skip, limit=limit)
        page = answers.files_of(answer)
        if page.generation != self.run.generation:
            raise CommandError(
                f"Run {self.run.id} was redriven meanwhile: its output is another one. "
                "Repeat the command."
            )
        return page


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
