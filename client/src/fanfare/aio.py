"""The client for asyncio, and its transport over `httpx.AsyncClient`."""

import asyncio
import inspect
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx

from fanfare import flows, local
from fanfare.access import AsyncCredential, Credential, access, id_of, source_of, timeouts
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


class AsyncTransport:
    """Carries out what flows ask for, without blocking the loop."""

    def __init__(
        self, http: httpx.AsyncClient, credential: Credential | AsyncCredential | None = None
    ) -> None:
        self.http = http
        self._credential, self._tokens = credential, Tokens()

    async def run(self, flow: Flow[T]) -> T:
        """Carry a flow out and return its result."""
        steps = Steps(flow)
        async for _ in self._emitted(steps):
            pass
        return steps.result

    def stream(self, flow: Flow[None]) -> AsyncIterator[Any]:
        """Carry a flow out and yield what it emits."""
        return self._emitted(Steps(flow))

    async def _emitted(self, steps: "Steps[T]") -> AsyncIterator[Any]:
        effect = steps.begin()
        try:
            while effect is not None:
                if isinstance(effect, Emit):
                    yield effect.value
                effect = await self._next(steps, effect)
        finally:
            steps.close()

    async def _next(self, steps: "Steps[T]", effect: Effect) -> Effect | None:
        try:
            outcome = await self._outcome(effect)
        except Exception as error:  # noqa: BLE001 - the flow decides what becomes of it
            return steps.fail(error)
        return steps.go_on(outcome)

    async def _outcome(self, effect: Effect) -> object:
        if isinstance(effect, Send):
            return await self._send(effect)
        if isinstance(effect, Token):
            return await self._token(effect.scope)
        if isinstance(effect, Sleep):
            await asyncio.sleep(effect.seconds)
        if isinstance(effect, Now):
            return time.monotonic()
        return await asyncio.to_thread(effect.action) if isinstance(effect, Work) else None

    async def _token(self, scope: str) -> str:
        if self._credential is None:
            raise Refused("There is no credential: give the client one.")
        if held := self._tokens.of(scope):
            return held
        # A credential that is not asynchronous may take a second.
        get: Callable[[str], Any] = self._credential.get_token
        asked = await asyncio.to_thread(get, scope)
        issued = (await asked) if inspect.isawaitable(asked) else asked
        return self._tokens.keep(scope, issued)

    async def _send(self, effect: Send) -> Answer:
        given = arguments(effect.request)
        if isinstance(effect.request.content, Path):
            given["content"] = _chunks(effect.request.content)
        try:
            found = await self.http.send(self.http.build_request(**given), stream=True)
            try:
                return await _received(found, effect)
            finally:
                await found.aclose()
        except httpx.TransportError as error:
            raise no_answer(error) from error


async def _received(found: httpx.Response, effect: Send) -> Answer:
    content = bytearray()
    sink = effect.sink if effect.sink and found.is_success else None
    async for chunk in found.aiter_raw(CHUNK):
        if sink:
            sink(chunk)
        else:
            content += chunk
            check_size(content)
    return answer_of(found, bytes(content))


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, CHUNK):
            yield chunk


class AsyncFanfare:
    """An app of Fanfare, for asyncio.

    `url` is its address, `https://NAME.azurewebsites.net`. In Azure give a `credential` of
    azure-identity and `scope`, api://CLIENT_ID/.default; for a local stack use `local()`.
    `completions` is the queue from which `events` reads. `timeout_s` limits one request, not an
    upload or a download as a whole. Close it, or use `async with`.
    A credential may be synchronous or one of azure.identity.aio.
    Raises Refused if something of it cannot be right.
    """

    def __init__(  # noqa: PLR0913 - keywords, all but one of them optional
        self,
        url: str,
        *,
        key: str | None = None,
        credential: Credential | AsyncCredential | None = None,
        scope: str | None = None,
        completions: Queue | str | None = None,
        retries: Retries | None = None,
        timeout_s: float | None = None,
        http: httpx.AsyncClient | None = None,
    ) -> None:
        self._access = access(url, key, scope, retries, tokens=credential is not None).reading(
            completions
        )
        made = http or httpx.AsyncClient(
            timeout=timeouts(timeout_s), trust_env=self._access.is_remote
        )
        self._transport = AsyncTransport(made, credential)

    @classmethod
    def local(cls, folder: "str | Path" = ".", *, retries: Retries | None = None) -> "AsyncFanfare":
        """Return the client of the local stack of a project. Raises Unreachable if it is down."""
        found = local.find(folder)
        return cls(found.url, key=found.key, completions=found.completions, retries=retries)

    async def start(
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
        return await self._transport.run(flows.start(self._access.app, order))

    async def run(self, run: str) -> Run:
        """Show a run. Raises NotFound, Unreachable."""
        return await self._transport.run(flows.show(self._access.app, run))

    async def runs(self, pipeline: str | None = None, *, limit: int = 20) -> list[Run]:
        """List the latest runs, the latest first. Raises NotFound, Unreachable."""
        return await self._transport.run(flows.list_runs(self._access.app, pipeline, limit))

    async def wait(self, run: Run | str, timeout_s: float | None = None) -> Run:
        """Wait until a run is over, and return it, whatever its verdict is. Raises TimedOut."""
        return await self._transport.run(flows.wait(self._access.app, id_of(run), timeout_s))

    async def cancel(self, run: Run | str) -> Run:
        """Cancel a run. Raises Conflict if it succeeded or failed, NotFound, Unreachable."""
        return await self._transport.run(flows.cancel(self._access.app, id_of(run)))

    async def redrive(self, run: Run | str) -> Run:
        """Execute again what failed of a run that is over. Raises Conflict, NotFound."""
        return await self._transport.run(flows.redrive(self._access.app, id_of(run)))

    async def outputs(self, run: Run | str) -> Outputs:
        """List the files of a run's output. Raises Conflict if it has none, NotFound."""
        return await self._transport.run(flows.outputs(self._access.app, id_of(run)))

    async def download(self, files: Outputs | OutputFile, folder: "str | Path") -> list[Path]:
        """Fetch files below a folder, verify size and SHA-256, and return their paths.

        Raises Damaged for a name that could leave the folder, before anything is fetched, and for
        a file that is not what the output says. A file that exists is replaced.
        """
        chosen = files.files if isinstance(files, Outputs) else (files,)
        return await self._transport.run(flows.save(self._access.app, chosen, Path(folder)))

    async def read(self, file: OutputFile) -> bytes:
        """Fetch one file into memory, verified. Raises Damaged, Unreachable."""
        return await self._transport.run(flows.read(self._access.app, file))

    def events(
        self, timeout_s: float | None = None, *, hidden_s: int = 300
    ) -> AsyncIterator[CompletionEvent]:
        """Yield completion events of the queue, until none has come for `timeout_s`.

        An event is deleted when the next one is asked for. One that is not finished within
        `hidden_s`, or in which the loop is left, comes again. Raises Refused, Unreachable.
        """
        flow = events(self._access.known_queue, self._access.app.retries, timeout_s, hidden_s)
        return self._transport.stream(flow)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.http.aclose()

    async def __aenter__(self) -> "AsyncFanfare":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()
