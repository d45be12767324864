"""The synchronous client, and its transport over `httpx.Client`."""

import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from fanfare import flows, local
from fanfare.access import Credential, access, id_of, source_of, timeouts
from fanfare.effects import Effect, Emit, Flow, Now, Send, Sleep, Steps, Token, Work
from fanfare.errors import Refused
from fanfare.events import Queue, events
from fanfare.flows import Order, Scalar
from fanfare.retries import Retries
from fanfare.tokens import Tokens
from fanfare.transport import CHUNK, answer_of, arguments, check_size, no_answer
from fanfare.values import CompletionEvent, OutputFile, Outputs, Run
from fanfare.wire import Answer

T = TypeVar("T")


class Transport:
    """Carries out what flows ask for."""

    def __init__(self, http: httpx.Client, credential: Credential | None = None) -> None:
        self.http = http
        self._credential, self._tokens = credential, Tokens()

    def run(self, flow: Flow[T]) -> T:
        """Carry a flow out and return its result."""
        steps = Steps(flow)
        for _ in self._emitted(steps):
            pass
        return steps.result

    def stream(self, flow: Flow[None]) -> Iterator[Any]:
        """Carry a flow out and yield what it emits."""
        return self._emitted(Steps(flow))

    def _emitted(self, steps: "Steps[T]") -> Iterator[Any]:
        effect = steps.begin()
        try:
            while effect is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                effect = self._next(steps, effect)
        finally:
            steps.close()

    def _next(self, steps: "Steps[T]", effect: Effect) -> Effect | None:
        try:
            outcome = self._outcome(effect)
        except Exception as error:  # noqa: BLE001 - the flow decides what becomes of it
            return steps.fail(error)
        return steps.go_on(outcome)

    def _outcome(self, effect: Effect) -> object:
        if isinstance(effect, Send):
            return self._send(effect)
        if isinstance(effect, Token):
            return self._token(effect.scope)
        if isinstance(effect, Sleep):
            time.sleep(effect.seconds)
        if isinstance(effect, Now):
            return time.monotonic()
        return effect.action() if isinstance(effect, Work) else None

    def _token(self, scope: str) -> str:
        if self._credential is None:
            raise Refused("There is no credential: give the client one.")
        held = self._tokens.of(scope)
        return held or self._tokens.keep(scope, self._credential.get_token(scope))

    def _send(self, effect: Send) -> Answer:
        given = arguments(effect.request)
        if isinstance(effect.request.content, Path):
            given["content"] = _chunks(effect.request.content)
        try:
            found = self.http.send(self.http.build_request(**given), stream=True)
            try:
                return _received(found, effect)
            finally:
                found.close()
        except httpx.TransportError as error:
            raise no_answer(error) from error


def _received(found: httpx.Response, effect: Send) -> Answer:
    content = bytearray()
    sink = effect.sink if effect.sink and found.is_success else None
    for chunk in found.iter_raw(CHUNK):
        if sink:
            sink(chunk)
        else:
            content += chunk
            check_size(content)
    return answer_of(found, bytes(content))


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


class Fanfare:
    """An app of Fanfare, for programs that are not asynchronous.

    `url` is its address, `https://NAME.azurewebsites.net`. In Azure give a `credential` of
    azure-identity and `scope`, api://CLIENT_ID/.default; for a local stack use `Fanfare.local()`.
    `completions` is the queue from which `events` reads. `timeout_s` limits one request, not an
    upload or a download as a whole. A client may be shared by threads; close it, or use `with`.
    Raises Refused if something of it cannot be right.
    """

    def __init__(  # noqa: PLR0913 - keywords, all but one of them optional
        self,
        url: str,
        *,
        key: str | None = None,
        credential: Credential | None = None,
        scope: str | None = None,
        completions: Queue | str | None = None,
        retries: Retries | None = None,
        timeout_s: float | None = None,
        http: httpx.Client | None = None,
    ) -> None:
        self._access = access(url, key, scope, retries, tokens=credential is not None).reading(
            completions
        )
        made = http or httpx.Client(timeout=timeouts(timeout_s), trust_env=self._access.is_remote)
        self._transport = Transport(made, credential)

    @classmethod
    def local(cls, folder: "str | Path" = ".", *, retries: Retries | None = None) -> "Fanfare":
        """Return the client of the local stack of a project. Raises Unreachable if it is down."""
        found = local.find(folder)
        return cls(found.url, key=found.key, completions=found.completions, retries=retries)

    def start(
        self,
        pipeline: str,
        file: "str | Path | bytes | None" = None,
        parameters: Mapping[str, Scalar] | None = None,
        *,
        key: str = "",
        name: str = "",
    ) -> Run:
        """Start a run of a pipeline with `trigger: {http: true}`.

        `file` becomes its input, as `name`. With the same `key` the same call finds the same run,
        also from another process. Raises Refused, NotFound, Conflict, Unreachable.
        """
        order = Order(pipeline, source_of(file), name, parameters or {}, key)
        return self._transport.run(flows.start(self._access.app, order))

    def run(self, run: str) -> Run:
        """Show a run. Raises NotFound, Unreachable."""
        return self._transport.run(flows.show(self._access.app, run))

    def runs(self, pipeline: str | None = None, *, limit: int = 20) -> list[Run]:
        """List the latest runs, the latest first. Raises NotFound, Unreachable."""
        return self._transport.run(flows.list_runs(self._access.app, pipeline, limit))

    def wait(self, run: Run | str, timeout_s: float | None = None) -> Run:
        """Wait until a run is over, and return it, whatever its verdict is. Raises TimedOut."""
        return self._transport.run(flows.wait(self._access.app, id_of(run), timeout_s))

    def cancel(self, run: Run | str) -> Run:
        """Cancel a run. Raises Conflict if it succeeded or failed, NotFound, Unreachable."""
        return self._transport.run(flows.cancel(self._access.app, id_of(run)))

    def redrive(self, run: Run | str) -> Run:
        """Execute again what failed of a run that is over. Raises Conflict, NotFound."""
        return self._transport.run(flows.redrive(self._access.app, id_of(run)))

    def outputs(self, run: Run | str) -> Outputs:
        """List the files of a run's output. Raises Conflict if it has none, NotFound."""
        return self._transport.run(flows.outputs(self._access.app, id_of(run)))

    def download(self, files: Outputs | OutputFile, folder: "str | Path") -> list[Path]:
        """Fetch files below a folder, verify size and SHA-256, and return their paths.

        Raises Damaged for a name that could leave the folder, before anything is fetched, and for
        a file that is not what the output says. A file that exists is replaced.
        """
        chosen = files.files if isinstance(files, Outputs) else (files,)
        return self._transport.run(flows.save(self._access.app, chosen, Path(folder)))

    def read(self, file: OutputFile) -> bytes:
        """Fetch one file into memory, verified. Raises Damaged, Unreachable."""
        return self._transport.run(flows.read(self._access.app, file))

    def events(
        self, timeout_s: float | None = None, *, hidden_s: int = 300
    ) -> Iterator[CompletionEvent]:
        """Yield completion events of the queue, until none has come for `timeout_s`.

        An event is deleted when the next one is asked for. One that is not finished within
        `hidden_s`, or in which the loop is left, comes again. Raises Refused, Unreachable.
        """
        flow = events(self._access.known_queue, self._access.app.retries, timeout_s, hidden_s)
        return self._transport.stream(flow)

    def close(self) -> None:
        """Close the connections."""
        self._transport.http.close()

    def __enter__(self) -> "Fanfare":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
