"""Every operation of the client, written once: which requests it makes, and what it does then."""

import json
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from fanfare.effects import Flow, Now, Send, Sleep, Token, Work
from fanfare.errors import FanfareError, Refused, TimedOut, Unreachable
from fanfare.files import Target, read_digest, targets
from fanfare.retries import NEVER, Retries
from fanfare.values import OutputFile, Outputs, Run, page_of, place_of, run_of, runs_of
from fanfare.wire import Answer, NoAnswer, Request, error_of, lost

T = TypeVar("T")
Scalar = str | int | float | bool

_FIRST_LOOK_S, _LONGEST_LOOK_S, _SLOWER = 0.5, 10.0, 1.3
_LARGEST_PUT = 5000 << 20  # bytes of one Put Blob; more would have to go in blocks
_UPLOADS = 3
_MOST_LISTED = 200  # runs in one answer


@dataclass(frozen=True)
class App:
    """An app: its address, how its caller proves who he is, and how patient the client is."""

    url: str
    key: str = field(default="", repr=False)
    scope: str = ""
    retries: Retries = field(default_factory=Retries)

    def request(self, method: str, *path: str, body: object = None, **params: object) -> Request:
        """Return a request of a route, without the caller's credential."""
        segments = "/".join(quote(segment, safe="") for segment in path)
        return Request(
            method,
            f"{self.url}/api/{segments}",
            {name: str(value) for name, value in params.items() if value is not None},
            {"content-type": "application/json"} if body is not None else {},
            json.dumps(body).encode() if body is not None else None,
        )


@dataclass(frozen=True)
class Order:
    """The run that is to be started."""

    pipeline: str
    file: Path | bytes | None = None
    name: str = ""
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    key: str = ""


def start(app: App, order: Order) -> Flow[Run]:
    """Upload the file, if there is one, and start the run. Raises FanfareError.

    A key is always sent, so the request can be repeated without a second run.
    """
    body: dict[str, object] = {"pipeline": order.pipeline, "parameters": dict(order.parameters)}
    if order.file is not None:
        body["input"] = yield from _uploaded(app, order)
    body["idempotency_key"] = order.key or uuid.uuid4().hex
    answer = yield from ask(app, app.request("POST", "runs", body=body))
    return run_of(answer.json())


def show(app: App, run: str) -> Flow[Run]:
    """Read a run. Raises NotFound."""
    answer = yield from ask(app, app.request("GET", "runs", _id(run)))
    return run_of(answer.json())


def list_runs(app: App, pipeline: str | None, limit: int) -> Flow[list[Run]]:
    """Read the latest runs, in as many requests as the app needs for so many."""
    found: list[Run] = []
    after: str | None = None
    while True:
        most = min(limit - len(found), _MOST_LISTED)
        asked = app.request("GET", "runs", pipeline=pipeline, limit=most, after=after)
        answer = yield from ask(app, asked)
        some, after = runs_of(answer.json())
        found += some
        if not (some and after) or len(found) >= limit:
            return found[:limit]


def cancel(app: App, run: str) -> Flow[Run]:
    """Cancel a run. Raises Conflict if it ended otherwise."""
    answer = yield from ask(app, app.request("POST", "runs", _id(run), "cancel"))
    return run_of(answer.json())


def redrive(app: App, run: str) -> Flow[Run]:
    """Execute again what failed. Raises Conflict.

    A second redrive would be another one. So after a lost answer the run is asked whether the
    first one arrived.
    """
    before = yield from show(app, run)
    asked = app.request("POST", "runs", _id(run), "redrive")
    try:
        answer = yield from ask(app, replace(asked, repeatable=False))
    except Unreachable:
        after = yield from show(app, run)
        if after.generation > before.generation:
            return after
        raise
    return run_of(answer.json())


def wait(app: App, run: str, timeout_s: float | None) -> Flow[Run]:
    """Look at a run until it is over, less and less often. Raises TimedOut; the run goes on."""
    began = yield Now()
    pause = _FIRST_LOOK_S
    while True:
        found = yield from show(app, run)
        if found.over:
            return found
        now = yield Now()
        left = float("inf") if timeout_s is None else began + timeout_s - now
        if left <= 0:
            raise TimedOut(
                f"Run {run} is {found.state} after {timeout_s} s ({found.why or 'no reason'}); it "
                "goes on: wait again, or cancel it.",
                retry=True,
            )
        yield Sleep(min(pause, left))
        pause = min(_LONGEST_LOOK_S, pause * _SLOWER)


def outputs(app: App, run: str) -> Flow[Outputs]:
    """List the files of a run's output, page by page. Raises Conflict if it has none, NotFound."""
    found: Outputs | None = None
    while True:
        files = found.files if found else ()
        asked = app.request("GET", "runs", _id(run), "outputs", skip=len(files))
        page = page_of((yield from ask(app, asked)).json())
        if found and page.part.generation != found.generation:
            found = None  # it was redriven meanwhile: its output is another one
            continue
        found = replace(page.part, files=(*files, *page.part.files))
        if not page.part.files or len(found.files) >= page.total:
            return found


def save(app: App, files: tuple[OutputFile, ...], folder: Path) -> Flow[list[Path]]:
    """Fetch files into a folder, and return their paths. Raises Damaged."""
    chosen = yield Work(lambda: targets(files, folder))
    for path, file in chosen.items():
        yield from download(app, file, Target(file, path))
    return list(chosen)


def read(app: App, file: OutputFile) -> Flow[bytes]:
    """Fetch a file into memory. Raises Damaged."""
    target = Target(file)
    yield from download(app, file, target)
    return target.content


def download(app: App, file: OutputFile, target: Target) -> Flow[None]:
    """Fetch a file and compare size and digest before it is there. Raises Damaged.

    After a failure it begins anew, as often as the retries say.
    """
    asked = Request("GET", file.url)
    try:
        yield from exchange(asked, app.retries, target.write, target.begin)
        yield Work(target.finish)
    finally:
        target.close()


def ask(app: App, request: Request) -> Flow[Answer]:
    """Make a request of the app, with the caller's credential and with retries."""
    headers = {**request.headers}
    if app.key:
        headers["x-functions-key"] = app.key
    elif app.scope:
        token = yield Token(app.scope)
        headers["authorization"] = f"Bearer {token}"
    return (yield from exchange(replace(request, headers=headers), app.retries))


def exchange(
    request: Request,
    retries: Retries,
    sink: Callable[[bytes], object] | None = None,
    begin: Callable[[], object] | None = None,
) -> Flow[Answer]:
    """Make a request until it has a good answer. Raises the error of the last answer.

    The body goes to `sink`; `begin` is called before each attempt, so that the sink can forget.
    """
    attempt = 0
    while True:
        asked_s = 0.0
        error: FanfareError
        if begin:
            begin()
        try:
            answer: Answer = yield Send(request, sink)
        except NoAnswer as reason:
            error = lost(request, reason)
            again = request.repeatable or not reason.sent
        else:
            found = error_of(request, answer)
            if found is None:
                return answer
            error = found
            asked_s, again = answer.retry_after_s, error.retry and request.repeatable
        pause = retries.pause_s(attempt, asked_s) if again else None
        if pause is None:
            raise error
        yield Sleep(pause)
        attempt += 1


def _uploaded(app: App, order: Order) -> Flow[Mapping[str, Any]]:
    """Bring the file where the app says, unless it is there; return it as the input of a run."""
    size, sha256 = yield Work(lambda: read_digest(order.file))
    if size == 0:
        raise Refused("The file is empty: a run needs at least one byte of input.")
    if size > _LARGEST_PUT:
        raise Refused(
            f"The file has {size:,} bytes; the client uploads up to {_LARGEST_PUT:,}. Upload it to "
            "a container with a tool such as azcopy, and start the run with `input`."
        )
    body = {"name": _file_name(order), "sha256": sha256}
    for last in (*[False] * (_UPLOADS - 1), True):
        answer = yield from ask(app, app.request("POST", "uploads", body=body))
        place = place_of(answer.json())
        if place.uploaded:
            return place.input
        sent = Request(
            "PUT",
            place.url,
            headers={"x-ms-blob-type": "BlockBlob", "content-length": str(size)},
            content=order.file,
            repeatable=False,
        )
        try:
            yield from exchange(sent, NEVER)
        except FanfareError as error:
            # It may have arrived, or another process with the same file was faster.
            if last or not (isinstance(error, Unreachable) or error.status in (403, 409)):
                raise
            yield Sleep(app.retries.first_s)
        else:
            return place.input
    raise AssertionError("unreachable")


def _file_name(order: Order) -> str:
    if order.name:
        return order.name
    return order.file.name if isinstance(order.file, Path) else "input"


def _id(run: str) -> str:
    if not run or run in (".", ".."):
        raise Refused(f"{run!r} is no id of a run.")
    return run
